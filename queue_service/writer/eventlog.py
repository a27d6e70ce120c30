"""Committed changes in order, for whoever follows them.

A batch reserves its sequence numbers before it commits; lanes commit in any order. What is published is the prefix
of settled reservations, so a follower that saw number n has seen everything before n. The last events are kept in
memory and, across restarts, in the outbox; a follower that asks for more than is kept is told of the gap.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from queue_service.domain.command import Position

KEPT = 10_000
"""Events kept for followers that come back."""


@dataclass(slots=True, eq=False)
class Reservation:
    """Positions for the events of one try of one batch. `settled` once it is known whether they happened."""

    events: list[tuple[Position, str]]
    settled: bool = False
    happened: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Events after the follower's position are no longer kept: read the state anew, then follow from `position`."""

    position: Position


@dataclass(slots=True)
class EventLog:
    """The stream of one leader. All calls come from one event loop."""

    epoch: int
    _kept: deque[tuple[Position, str]] = field(default_factory=deque)
    _open: deque[Reservation] = field(default_factory=deque)
    _last_reserved: int = 0
    _floor: Position = (0, 0)  # everything after it and up to `_position` is kept
    _position: Position = (0, 0)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _is_closed: bool = False

    def load(self, events: Sequence[tuple[Position, str]]) -> None:
        """Start with the events that an earlier leader left in the outbox, oldest first."""
        self._position = (self.epoch, 0)
        self._keep(events)
        if len(events) >= KEPT:
            self._floor = events[0][0]

    @property
    def position(self) -> Position:
        """Where the stream ends now."""
        return self._position

    def reserve(self, bodies: Sequence[str]) -> Reservation:
        """Number the events of a batch that is about to commit. Settle it in every case, or the stream stops."""
        events = []
        for body in bodies:
            self._last_reserved += 1
            events.append(((self.epoch, self._last_reserved), body))
        reservation = Reservation(events)
        if events:
            self._open.append(reservation)
        return reservation

    def settle(self, reservation: Reservation, *, happened: bool) -> None:
        """Say whether the batch committed; publishes what is settled in front."""
        reservation.settled, reservation.happened = True, happened
        published = False
        while self._open and self._open[0].settled:
            done = self._open.popleft()
            if done.happened:
                self._keep(done.events)
                published = True
        if published:
            self._wake()

    def close(self) -> None:
        """End every follower's stream."""
        self._is_closed = True
        self._wake()

    async def follow(self, since: Position | None, beat_s: float) -> AsyncIterator[tuple[Position, str] | Gap | None]:
        """Yield each event after `since` (None: from now on), a Gap where events are missing, None at every beat.

        A follower holds no queue of its own: one that reads too slowly is told of a gap instead of growing memory.
        """
        position = self._position if since is None else since
        while not self._is_closed:
            news = self._news
            if not self._keeps(position):
                position = self._position
                yield Gap(position)
                continue
            batch = self._after(position)
            for item in batch:
                yield item
                position = item[0]
            if not batch:
                try:
                    async with asyncio.timeout(beat_s):
                        await news.wait()
                except TimeoutError:
                    yield None

    def _keeps(self, position: Position) -> bool:
        """Whether everything after `position` is still at hand. One from the future belongs to another database."""
        return self._floor <= position <= self._position

    def _keep(self, events: Sequence[tuple[Position, str]]) -> None:
        self._kept.extend(events)
        while len(self._kept) > KEPT:
            self._floor = self._kept.popleft()[0]
        if self._kept:
            self._position = self._kept[-1][0]

    def _after(self, position: Position) -> list[tuple[Position, str]]:
        if position == self._position:
            return []
        start = bisect_right(self._kept, position, key=lambda item: item[0])
        return [self._kept[i] for i in range(start, len(self._kept))]

    def _wake(self) -> None:
        # a fresh event for the next round: whoever waits holds the old one
        news, self._news = self._news, asyncio.Event()
        news.set()
