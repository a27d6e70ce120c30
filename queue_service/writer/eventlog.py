"""Committed changes in order, for whoever follows them; and the ids of what they put on record.

A batch reserves its sequence numbers before it commits; lanes commit in any order. What is published is the prefix
of settled reservations, so a follower that saw number n has seen everything before n. The last events are kept in
memory and, across restarts, in the outbox; a follower that asks for more than is kept is told of the gap. The entries
of the audit log are numbered and settled with the events: below the first open one, nothing will be added any more.
"""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from shared.events import KEPT, EventRing, Gap
from shared.position import Position


@dataclass(slots=True, eq=False)
class Reservation:
    """Positions for the events of one try of one batch, and ids for its audit entries. `settled` once it is known
    whether they happened."""

    events: list[tuple[Position, str]]
    audit_ids: range = range(0)
    settled: bool = False
    happened: bool = False


@dataclass(slots=True)
class EventLog:
    """The stream of one leader. All calls come from one event loop."""

    epoch: int
    _ring: EventRing[str] = field(default_factory=EventRing)
    _open: deque[Reservation] = field(default_factory=deque)
    _last_reserved: int = 0
    _last_audit_id: int = 0

    def load(self, events: Sequence[tuple[Position, str]], *, last_audit_id: int = 0) -> None:
        """Start with the events that an earlier leader left in the outbox, oldest first, and behind its audit log."""
        self._last_audit_id = last_audit_id
        is_whole = len(events) < KEPT
        self._ring.begin((0, 0) if is_whole else events[0][0], (self.epoch, 0))
        self._ring.keep(events)

    @property
    def position(self) -> Position:
        """Where the stream ends now."""
        return self._ring.position

    @property
    def floor(self) -> Position:
        """The oldest position from which a follower misses nothing."""
        return self._ring.floor

    @property
    def audit_horizon(self) -> int:
        """Every audit entry below this id is committed, or never will be."""
        open_ids = [reservation.audit_ids for reservation in self._open if not reservation.settled]
        return min((ids.start for ids in open_ids if ids), default=self._last_audit_id + 1)

    def reserve(self, bodies: Sequence[str], audits: int = 0) -> Reservation:
        """Number the events of a batch that is about to commit, and its audit entries. Settle it in every case, or the
        stream stops, and so does the sealing."""
        events = []
        for body in bodies:
            self._last_reserved += 1
            events.append(((self.epoch, self._last_reserved), body))
        first = self._last_audit_id + 1
        self._last_audit_id += audits
        reservation = Reservation(events, range(first, first + audits))
        if events or audits:
            self._open.append(reservation)
        return reservation

    def settle(self, reservation: Reservation, *, happened: bool) -> None:
        """Say whether the batch committed; publishes what is settled in front."""
        reservation.settled, reservation.happened = True, happened
        published: list[tuple[Position, str]] = []
        while self._open and self._open[0].settled:
            done = self._open.popleft()
            if done.happened:
                published += done.events
        self._ring.keep(published)

    def close(self) -> None:
        """End every follower's stream."""
        self._ring.close()

    def follow(self, since: Position | None, beat_s: float) -> AsyncIterator[tuple[Position, str] | Gap | None]:
        """Yield each event after `since` (None: from now on), a Gap where events are missing, None at every beat."""
        return self._ring.follow(since, beat_s)

    def follow_in_bulk(self, since: Position, beat_s: float) -> AsyncIterator[list[tuple[Position, str]] | Gap | None]:
        """The same, but all events that are there already in one list."""
        return self._ring.follow_in_bulk(since, beat_s)
