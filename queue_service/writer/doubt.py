"""Events of COMMITs whose answer was lost: whether they happened is asked of the database, not guessed.

Until that is known they hold up the event stream (a follower must not see what came after and miss them), so they are
looked up soon and by themselves, not with the next write of their lane, which may be days away.
"""

from collections.abc import Sequence

from queue_service.store import audit, outbox
from queue_service.store.session import Session, Transaction
from queue_service.writer.eventlog import EventLog, Reservation


class Doubts:
    """The reservations that wait for an answer from the database."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._waiting: list[Reservation] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def settle_or_put_off(self, reservations: Sequence[Reservation], *, in_doubt: bool) -> None:
        """After a failed try: its events did not happen, unless its COMMIT is in doubt."""
        for reservation in reservations:
            if in_doubt and (reservation.events or reservation.audit_ids):
                self._waiting.append(reservation)
            else:
                self._events.settle(reservation, happened=False)

    async def look_up(self, session: Session) -> int:
        """Settle what is in doubt; how many there were. Waits for a transaction that is still committing one.

        Raises DatabaseFault, and tries the same ones again at the next call.
        """
        asked = list(self._waiting)
        if asked:
            async with session.lock, session.transaction() as tx:
                found = [await _happened(tx, reservation) for reservation in asked]
            self._waiting = [reservation for reservation in self._waiting if reservation not in asked]
            for reservation, happened in zip(asked, found, strict=True):
                self._events.settle(reservation, happened=happened)
        return len(asked)


async def _happened(tx: Transaction, reservation: Reservation) -> bool:
    """Whether its batch was committed: all of it was, or nothing."""
    if reservation.events:
        return await outbox.holds(tx, reservation.events[0][0])
    return await audit.holds(tx, reservation.audit_ids[0])
