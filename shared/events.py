"""The last events of a stream, for any number of followers: in the queue service, and again in every node.

A follower holds no queue of its own. It says where it stands and is given what comes after; one that asks for more than
is kept, because it was away or reads too slowly, is told of the gap instead of growing anybody's memory.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from shared.position import Position

T = TypeVar("T")

KEPT: Final = 10_000
"""Events kept for followers that come back."""

_AT_ONCE: Final = 500
"""Events handed to one follower before it is looked at again whether it keeps up."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Events after the follower's position are no longer kept: read the state anew, then follow from `position`."""

    position: Position


@dataclass(slots=True)
class EventRing(Generic[T]):
    """The newest `limit` events. All calls come from one event loop."""

    limit: int = KEPT
    _kept: deque[tuple[Position, T]] = field(default_factory=deque)
    _floor: Position = (0, 0)  # everything after it and up to `_position` is kept
    _position: Position = (0, 0)
    _life: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _is_closed: bool = False

    @property
    def position(self) -> Position:
        """Where the stream ends now."""
        return self._position

    @property
    def floor(self) -> Position:
        """Where a follower may come back to: everything after it is kept."""
        return self._floor

    def begin(self, floor: Position, position: Position | None = None) -> None:
        """Forget what is kept and go on with what comes after `floor`. Whoever follows is told of a gap.

        `position` (None: the floor) is where the stream stands when nothing has happened since.
        """
        self._kept.clear()
        self._floor, self._position = floor, position or floor
        self._life += 1
        self._wake()

    def keep(self, events: Sequence[tuple[Position, T]]) -> None:
        """Append events, oldest first, and wake the followers."""
        self._kept.extend(events)
        while len(self._kept) > self.limit:
            self._floor = self._kept.popleft()[0]
        if events:
            self._position = events[-1][0]
            self._wake()

    def close(self) -> None:
        """End every follower's stream."""
        self._is_closed = True
        self._wake()

    async def reached(self, position: Position) -> None:
        """Wait until the stream has come this far, or has ended."""
        while self._position < position and not self._is_closed:
            await self._news.wait()

    async def follow(self, since: Position | None, beat_s: float) -> AsyncIterator[tuple[Position, T] | Gap | None]:
        """Yield each event after `since` (None: from now on), a Gap where events are missing, None at every beat."""
        async for said in self.follow_in_bulk(since, beat_s):
            if isinstance(said, list):
                for item in said:
                    yield item
            else:
                yield said

    async def follow_in_bulk(
        self, since: Position | None, beat_s: float
    ) -> AsyncIterator[list[tuple[Position, T]] | Gap | None]:
        """The same, but all events that are there already in one list."""
        position = self._position if since is None else since
        life = self._life
        while not self._is_closed:
            news = self._news
            if life != self._life or not self._keeps(position):
                position, life = self._position, self._life
                yield Gap(position)
                continue
            batch = self._after(position)
            if batch:
                yield batch
                position = batch[-1][0]
                continue
            try:
                async with asyncio.timeout(beat_s):
                    await news.wait()
            except TimeoutError:
                yield None

    def _keeps(self, position: Position) -> bool:
        """Whether everything after `position` is still at hand. One from the future belongs to another database."""
        return self._floor <= position <= self._position

    def _after(self, position: Position) -> list[tuple[Position, T]]:
        if position == self._position:
            return []
        start = bisect_right(self._kept, position, key=lambda item: item[0])
        return [self._kept[i] for i in range(start, min(len(self._kept), start + _AT_ONCE))]

    def _wake(self) -> None:
        # a fresh event for the next round: whoever waits holds the old one
        news, self._news = self._news, asyncio.Event()
        news.set()
