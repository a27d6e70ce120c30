"""The outbox: events written with the changes they tell of, so that none is lost between commit and publication."""

from collections.abc import Sequence

from sqlalchemy import delete, select, tuple_

from queue_service.store import versioned
from queue_service.store.session import Transaction
from queue_service.store.statement import Statement
from shared.db.tables import outbox_event
from shared.position import Position


def append(tx: Transaction, events: Sequence[tuple[Position, str]]) -> Statement[int]:
    """Write events under the positions reserved for them."""
    rows = [(epoch, seq, body) for (epoch, seq), body in events]
    return versioned.append(tx, outbox_event, ("epoch", "seq", "body"), rows)


async def holds(tx: Transaction, position: Position) -> bool:
    """Whether an event was committed. Waits for a transaction that is still writing it: the read takes a lock."""
    epoch, seq = position
    c = outbox_event.c
    statement = select(c.seq).where(c.epoch == epoch, c.seq == seq).with_for_update()
    return (await tx.execute(statement)).first() is not None


async def newest(tx: Transaction, limit: int) -> list[tuple[Position, str]]:
    """The last `limit` events, oldest first."""
    c = outbox_event.c
    rows = await tx.execute(select(outbox_event).order_by(c.epoch.desc(), c.seq.desc()).limit(limit))
    return [((row.epoch, row.seq), row.body) for row in reversed(rows.all())]


async def prune(tx: Transaction, *, keep: int, limit: int) -> int:
    """Drop at most `limit` of the events older than the newest `keep`; how many were dropped."""
    c = outbox_event.c
    newest_first = (c.epoch.desc(), c.seq.desc())
    edge = (await tx.execute(select(c.epoch, c.seq).order_by(*newest_first).offset(keep).limit(1))).first()
    if edge is None:
        return 0
    old = tuple_(c.epoch, c.seq) <= tuple_(edge.epoch, edge.seq)
    found = await tx.execute(select(c.epoch, c.seq).where(old).order_by(c.epoch, c.seq).limit(limit))
    doomed = [(row.epoch, row.seq) for row in found]
    if doomed:
        await tx.execute(delete(outbox_event).where(tuple_(c.epoch, c.seq).in_(doomed)))
    return len(doomed)
