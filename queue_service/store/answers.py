"""Stored answers: what was answered under an idempotency key, in the very transaction that applied the command.

The row is both the memory of the answer and the proof that the command happened: whoever replays a commit of unknown
outcome finds it here, or runs into its primary key.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select

from queue_service.domain.command import Answer, Command
from queue_service.store.session import Transaction
from shared.db.tables import stored_answer
from shared.jsonio import dumps, loads


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What the database holds under one operation id."""

    fingerprint: str
    status: int
    data: Any


async def find(tx: Transaction, operation_ids: Collection[str]) -> dict[str, StoredAnswer]:
    """The stored answers of these operations, by operation id; one that never happened is absent."""
    c = stored_answer.c
    statement = select(c.operation_id, c.fingerprint, c.status, c.body).where(c.operation_id.in_(operation_ids))
    rows = await tx.execute(statement)
    return {row.operation_id: StoredAnswer(row.fingerprint, row.status, loads(row.body)) for row in rows}


async def store(tx: Transaction, answered: Sequence[tuple[Command, Answer]], now: datetime) -> None:
    """Store the answers of applied commands. Fails the transaction when one of them is there already."""
    if answered:
        rows = [
            {
                "operation_id": command.operation_id,
                "fingerprint": command.fingerprint,
                "status": answer.status,
                # text, not bytes: see shared.db.database
                "body": dumps(answer.data).decode(),
                "created_at": now,
            }
            for command, answer in answered
        ]
        await tx.execute(insert(stored_answer), rows)


async def newest(tx: Transaction) -> datetime | None:
    """When the last answer was stored; None when none is."""
    at: datetime | None = (await tx.execute(select(func.max(stored_answer.c.created_at)))).scalar_one()
    return at


async def prune(tx: Transaction, *, older_than: datetime, limit: int) -> int:
    """Forget at most `limit` answers stored before an instant; how many were forgotten."""
    c = stored_answer.c
    found = await tx.execute(
        select(c.operation_id).where(c.created_at < older_than).order_by(c.created_at).limit(limit)
    )
    doomed = [row.operation_id for row in found]
    if doomed:
        await tx.execute(delete(stored_answer).where(c.operation_id.in_(doomed)))
    return len(doomed)
