"""Stored answers: what was answered under an idempotency key, in the very transaction that applied the command.

The row is both the memory of the answer and the proof that the command happened: whoever replays a commit of unknown
outcome finds it here, or runs into its primary key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import delete, func, select

from queue_service.domain.command import Answer, Command
from queue_service.store.dialect import Dialect
from queue_service.store.session import Transaction
from queue_service.store.statement import Row, Statement, the_count
from queue_service.store.versioned import bound, insert_head, insert_parts
from shared.db.tables import stored_answer
from shared.jsonio import dumps, loads

_COLUMNS: Final = ("operation_id", "fingerprint", "status", "body", "created_at")


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What the database holds under one operation id."""

    fingerprint: str
    status: int
    data: Any

    @property
    def is_refusal(self) -> bool:
        """Whether it is the refusal of a deferred command (`error_to_wire`); those of others are not stored."""
        return self.status >= 400


def find(tx: Transaction, operation_ids: Sequence[str]) -> Statement[dict[str, StoredAnswer]]:
    """The stored answers of these operations, by operation id; one that never happened is absent."""
    parts = [(_find_text(tx.dialect, len(operation_ids)), tuple(operation_ids))] if operation_ids else []
    return Statement(tx, parts, lambda rows, _: dict(_stored(tx.dialect, row) for row in rows))


def store(tx: Transaction, answered: Sequence[tuple[Command, Answer]], now: datetime) -> Statement[int]:
    """Store the answers of applied commands. Fails the transaction when one of them is there already."""
    at = bound(tx.dialect, stored_answer, "created_at", now)
    rows = [
        # the body as text, not bytes: see shared.db.database
        (command.operation_id, command.fingerprint, answer.status, dumps(answer.data).decode(), at)
        for command, answer in answered
    ]
    return Statement(tx, insert_parts(tx.dialect, insert_head(tx.dialect, stored_answer, _COLUMNS), rows), the_count)


def _stored(dialect: Dialect, row: Row) -> tuple[str, StoredAnswer]:
    operation_id, fingerprint, status, body = dialect.values_of(row)
    return operation_id, StoredAnswer(fingerprint, status, loads(body))


@lru_cache(maxsize=4096)
def _find_text(dialect: Dialect, count: int) -> str:
    c = stored_answer.c
    columns = dialect.row_of([c.operation_id, c.fingerprint, c.status, c.body])
    statement = select(*columns).where(c.operation_id.in_([""] * count))
    return dialect.text_of(statement)


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
