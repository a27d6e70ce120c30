"""What concerns people beyond their own rows: where they stand; sign-ins and throttles that have served their time."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, Table, delete, select

from queue_service.store.dialect import Dialect
from queue_service.store.session import Transaction
from queue_service.store.statement import Row, Statement
from shared.db.people import OF_A_PLACE, OF_A_USER, Person, person_of, with_places
from shared.db.tables import department, sign_in_throttle, task_table, user_session, user_table


def read(tx: Transaction, user_ids: Collection[int]) -> Statement[dict[int, Person]]:
    """Accounts by id, each with where it stands, without holding them. Absent ids are absent from the result."""
    wanted = tuple(sorted(user_ids))
    parts = [(_people_text(tx.dialect, len(wanted)), wanted)] if wanted else []
    return Statement(tx, parts, lambda rows, _: _people(tx.dialect, rows))


def task_paths(tx: Transaction, task_ids: Collection[int]) -> Statement[dict[int, str]]:
    """The path of each department that these tasks are in, by the department's id."""
    return paths_of(tx, task_table, task_ids)


def paths_of(tx: Transaction, table: Table, ids: Collection[int]) -> Statement[dict[int, str]]:
    """The path of each department that rows of a table are in, by the department's id."""
    wanted = tuple(sorted(ids))
    parts = [(_paths_text(tx.dialect, table, len(wanted)), wanted)] if wanted else []
    return Statement(tx, parts, lambda rows, _: dict(tx.dialect.values_of(row) for row in rows))


async def prune_sessions(tx: Transaction, *, expired_before: datetime, limit: int) -> int:
    """Forget at most `limit` sessions that expired before an instant; how many were forgotten."""
    return await _prune(tx, user_session, user_session.c.expires_at, expired_before, limit)


async def prune_throttles(tx: Transaction, *, older_than: datetime, limit: int) -> int:
    """Forget at most `limit` throttles that have counted nothing since an instant; how many were forgotten."""
    return await _prune(tx, sign_in_throttle, sign_in_throttle.c.updated_at, older_than, limit)


def _people(dialect: Dialect, rows: Sequence[Row]) -> dict[int, Person]:
    readers = _readers(dialect)
    found: dict[int, Person] = {}
    for row in rows:
        values = dialect.values_of(row)
        for index, convert in readers:
            values[index] = convert(values[index])
        person = person_of(values)
        found[person[0].id] = person
    return found


@lru_cache(maxsize=16)
def _readers(dialect: Dialect) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    found = [(index, dialect.reader_of(column)) for index, column in enumerate(OF_A_USER)]
    return tuple((index, convert) for index, convert in found if convert is not None)


@lru_cache(maxsize=4096)
def _people_text(dialect: Dialect, count: int) -> str:
    wanted = select(*dialect.row_of([*OF_A_USER, *OF_A_PLACE])).select_from(with_places(user_table))
    return dialect.text_of(wanted.where(user_table.c.id.in_([0] * count)))


@lru_cache(maxsize=4096)
def _paths_text(dialect: Dialect, table: Table, count: int) -> str:
    wanted = (
        select(*dialect.row_of([department.c.id, department.c.path]))
        .select_from(table)
        .join(department, department.c.id == table.c.department_id)
        .where(table.c.id.in_([0] * count))
    )
    return dialect.text_of(wanted)


async def _prune(tx: Transaction, table: Table, at: Column[datetime], before: datetime, limit: int) -> int:
    found = await tx.execute(select(table.c.id).where(at < before).order_by(at).limit(limit))
    doomed = [row.id for row in found]
    if doomed:
        # again the time: one that was counted on or touched in between stays
        await tx.execute(delete(table).where(table.c.id.in_(doomed), at < before))
    return len(doomed)
