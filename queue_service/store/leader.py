"""The leader's rows: who may write (`leader`), that it lives (`leader_beat`), which connections it holds.

The epoch row is written only at takeover and share-locked by every batch, so a takeover waits for the batches under
way and no batch of an older epoch can commit after it. A stopped process that still holds that lock is why a taker
ends the recorded connections first.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from queue_service.store.dialect import Dialect
from queue_service.store.session import Transaction
from queue_service.store.statement import Statement
from shared.db.tables import leader, leader_beat, leader_session

GIVEN_BACK: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The beat of a leader that stopped in order: a successor need not wait for its lease."""

_ROW = 1
_NO_SUCH_THREAD = 1094


@dataclass(frozen=True, slots=True)
class Leader:
    """Who holds the epoch, and when it was last heard of."""

    epoch: int
    holder: str
    address: str
    beat_at: datetime


async def look(tx: Transaction) -> Leader:
    """The leader as the database knows it."""
    statement = (
        select(leader.c.epoch, leader.c.holder, leader.c.address, leader_beat.c.beat_at)
        .join(leader_beat, leader_beat.c.id == leader.c.id)
        .where(leader.c.id == _ROW)
    )
    row = (await tx.execute(statement)).one()
    return Leader(row.epoch, row.holder, row.address, row.beat_at)


def epoch(tx: Transaction) -> Statement[int]:
    """The current epoch, share-locked: no takeover can commit before this transaction ends."""
    parts = [(_epoch_text(tx.dialect), (_ROW,))]
    return Statement(tx, parts, lambda rows, _: int(rows[0][0]), concerns_rows=False)


@lru_cache(maxsize=16)
def _epoch_text(dialect: Dialect) -> str:
    statement = select(leader.c.epoch).where(leader.c.id == _ROW).with_for_update(read=True)
    return dialect.text_of(statement)


async def take(tx: Transaction, *, holder: str, address: str, now: datetime) -> int:
    """Become the leader: raise the epoch by one. Waits for the batches of the old one; returns the new epoch."""
    old = (await tx.execute(select(leader.c.epoch).where(leader.c.id == _ROW).with_for_update())).scalar_one()
    values = {"epoch": old + 1, "holder": holder, "address": address, "taken_at": now}
    await tx.execute(update(leader).where(leader.c.id == _ROW).values(values))
    await tx.execute(update(leader_beat).where(leader_beat.c.id == _ROW).values(epoch=old + 1, beat_at=now))
    await tx.execute(delete(leader_session))
    return int(old) + 1


async def beat(tx: Transaction, *, epoch: int, at: datetime) -> bool:
    """Say that the leader of `epoch` lives; False when somebody else leads by now."""
    statement = update(leader_beat).where(leader_beat.c.id == _ROW, leader_beat.c.epoch == epoch).values(beat_at=at)
    return (await tx.execute(statement)).rowcount == 1


@dataclass(frozen=True, slots=True)
class SessionMark:
    """A database session by its id and the client's end of its connection: ids alone are used again."""

    connection_id: int
    host: str


async def record_session(connection: AsyncConnection, epoch: int, last: SessionMark | None) -> SessionMark | None:
    """Note this connection as the leader's, and end `last`, which it replaces, if the server still has it.

    None on SQLite, which has no sessions.
    """
    if connection.dialect.name == "sqlite":
        return None
    if last is not None:
        await _end(connection, last)
        await connection.execute(delete(leader_session).where(leader_session.c.connection_id == last.connection_id))
    found = await connection.execute(
        text("SELECT ID, HOST FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()")
    )
    connection_id, host = found.one()
    # ids start anew with the database server: a row left over from before would stand in the way
    await connection.execute(delete(leader_session).where(leader_session.c.connection_id == connection_id))
    await connection.execute(insert(leader_session).values(connection_id=connection_id, host=host, epoch=epoch))
    await connection.commit()
    return SessionMark(int(connection_id), str(host))


async def end_old_sessions(connection: AsyncConnection) -> int:
    """KILL the connections the last leader recorded and still holds; how many there were.

    A connection is ended only if both its id and the client's host and port are the recorded ones: ids are reused
    after a restart of the server, and somebody else's connection must not be hit.
    """
    if connection.dialect.name == "sqlite":
        return 0
    found = await connection.execute(select(leader_session.c.connection_id, leader_session.c.host))
    ended = sum([await _end(connection, SessionMark(row.connection_id, row.host)) for row in found.all()])
    await connection.commit()
    return ended


async def _end(connection: AsyncConnection, mark: SessionMark) -> bool:
    """KILL one session if it is still there; whether it was."""
    alive = await connection.execute(
        text("SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = :id AND HOST = :host AND ID <> CONNECTION_ID()"),
        {"id": mark.connection_id, "host": mark.host},
    )
    if alive.first() is None:
        return False
    try:
        await connection.exec_driver_sql(f"KILL {int(mark.connection_id)}")
    except DBAPIError as error:
        if error.orig is None or error.orig.args[0] != _NO_SUCH_THREAD:
            raise
        return False  # it ended by itself in between
    return True
