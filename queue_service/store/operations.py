"""Stored commands: answered 202 once they are in this table, applied afterwards (`Prefer: respond-async`).

A row waits until `ended_at` is set, in the transaction that stores its answer; whoever leads picks up what waits. The
answer itself, or the refusal, is a stored answer like any other, under the same operation id.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select

from queue_service.domain.command import Command
from queue_service.store.session import Transaction
from queue_service.store.statement import Statement, the_count
from queue_service.store.versioned import bound
from shared.db.tables import stored_command

_c = stored_command.c


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """One row: the columns have the same names."""

    operation_id: str
    public_id: str
    actor_id: int
    fingerprint: str
    request: str
    created_at: datetime
    ended_at: datetime | None


async def find(tx: Transaction, operation_ids: Collection[str]) -> dict[str, StoredCommand]:
    """Which of these operations are stored, by operation id."""
    return {row.operation_id: row for row in await _read(tx, _c.operation_id.in_(operation_ids))}


async def store(tx: Transaction, commands: Sequence[Command], now: datetime) -> None:
    """Store deferred commands. Fails the transaction when one of them is there already."""
    rows = [
        {
            "operation_id": command.operation_id,
            "public_id": command.deferral.public_id,
            "actor_id": command.actor_id,
            "fingerprint": command.fingerprint,
            "request": command.deferral.request,
            "created_at": now,
        }
        for command in commands
        if command.deferral is not None
    ]
    await tx.execute(insert(stored_command), rows)


def end(tx: Transaction, operation_ids: Sequence[str], now: datetime) -> Statement[int]:
    """Note that these operations have their answer. One that is not there, or has had it before, is passed over."""
    # row by row, so that each is reached by its key: a list of them may be looked for by a scan, and a scan waits for
    # what other lanes hold
    mark = tx.dialect.placeholder
    text = f"UPDATE stored_command SET ended_at = {mark} WHERE operation_id = {mark} AND ended_at IS NULL"  # noqa: S608 - no values in it
    at = bound(tx.dialect, stored_command, "ended_at", now)
    return Statement(tx, [(text, (at, operation_id)) for operation_id in operation_ids], the_count)


async def waiting(tx: Transaction) -> list[StoredCommand]:
    """Every stored command without an answer, oldest first: no more than the intake took."""
    return await _read(tx, _c.ended_at.is_(None))


async def prune(tx: Transaction, *, older_than: datetime, limit: int) -> int:
    """Forget at most `limit` commands that ended before an instant; how many were forgotten. One that waits stays."""
    found = await tx.execute(select(_c.operation_id).where(_c.ended_at < older_than).order_by(_c.ended_at).limit(limit))
    doomed = [row.operation_id for row in found]
    if doomed:
        await tx.execute(delete(stored_command).where(_c.operation_id.in_(doomed)))
    return len(doomed)


async def _read(tx: Transaction, condition: ColumnElement[bool]) -> list[StoredCommand]:
    wanted = select(stored_command).where(condition).order_by(_c.created_at, _c.operation_id)
    rows: Sequence[Any] = (await tx.execute(wanted)).all()
    return [StoredCommand(*row) for row in rows]
