"""Rows with a version: the four verbs every aggregate of the board needs, in the caller's transaction."""

from collections.abc import Collection, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Table, func, insert, select

from queue_service.domain.workingset import Change, Entity
from queue_service.store.dialect import bind
from queue_service.store.session import Transaction

E = TypeVar("E", bound=Entity)


class VersionedTable(Generic[E]):
    """The rows of one table as frozen entities whose fields are named like the table's column keys."""

    def __init__(self, table: Table, entity: type[E]) -> None:
        self._table = table
        self._entity = entity
        # by primary key: the optimizer may prefer to scan a small table, and a scan waits for rows that others hold
        self._select = select(table).with_hint(table, "FORCE INDEX (PRIMARY)", "mysql")
        self._columns = tuple(table.c.keys())
        self._written = tuple(key for key in self._columns if key not in ("id", "created_at"))

    async def lock(self, tx: Transaction, ids: Collection[int]) -> dict[int, E]:
        """Read rows by id and hold them until the end of the transaction. Locks are taken in id order, so two batches
        that touch the same rows wait for each other instead of deadlocking. Absent ids are absent from the result."""
        found = await self._read(tx, self._table.c.id, ids, for_update=True)
        return {entity.id: entity for entity in found}

    async def held_by_others(self, tx: Transaction, ids: Collection[int]) -> frozenset[int]:
        """The rows that another session holds at this moment (MySQL family only): a hint, true while it is read."""
        if not ids:
            return frozenset()
        wanted = self._select.with_only_columns(self._table.c.id).where(self._table.c.id.in_(sorted(ids)))
        there = {row.id for row in await tx.execute(wanted)}
        free = {row.id for row in await tx.execute(wanted.with_for_update(skip_locked=True))}
        return frozenset(there - free)

    async def read(self, tx: Transaction, ids: Collection[int]) -> dict[int, E]:
        """Read rows by id without holding them."""
        return {entity.id: entity for entity in await self._read(tx, self._table.c.id, ids)}

    async def read_by(self, tx: Transaction, key: str, values: Collection[Any]) -> list[E]:
        """Read the rows whose column `key` is one of `values`."""
        return await self._read(tx, self._table.c[key], values)

    async def insert(self, tx: Transaction, entities: Sequence[E]) -> None:
        """Insert new rows, ids included, as one statement. A taken id or unique value fails the transaction."""
        if entities:
            rows = [{key: getattr(entity, key) for key in self._columns} for entity in entities]
            await tx.execute(insert(self._table), rows)

    async def update(self, tx: Transaction, changes: Sequence[Change]) -> int:
        """Write every changed row in one statement, each guarded by the version it was read with.

        Returns how many rows were still at that version; fewer than `changes` means somebody else wrote in between,
        and the caller must roll back.
        """
        if not changes:
            return 0
        parameters: list[Any] = []
        for change in changes:
            assert change.before is not None  # noqa: S101 - an insert is never passed here
            parameters += [change.before.id, change.before.version]
            values = [getattr(change.after, key) for key in self._written]
            parameters += bind(self._table, self._written, values, tx.sql_dialect)
        text = tx.dialect.guarded_update(self._table, self._written, len(changes))
        return await tx.execute_text(text, tuple(parameters))

    async def last_id(self, tx: Transaction) -> int:
        """The largest id in use; 0 for an empty table."""
        return int((await tx.execute(select(func.coalesce(func.max(self._table.c.id), 0)))).scalar_one())

    async def is_empty(self, tx: Transaction) -> bool:
        return (await tx.execute(select(self._table.c.id).limit(1))).first() is None

    async def _read(
        self, tx: Transaction, column: Column[Any], values: Collection[Any], *, for_update: bool = False
    ) -> list[E]:
        if not values:
            return []
        statement = (self._select if for_update else select(self._table)).where(column.in_(sorted(values)))
        statement = statement.order_by(self._table.c.id)
        rows: Sequence[Any] = (await tx.execute(statement.with_for_update() if for_update else statement)).all()
        return [self._entity(*row) for row in rows]
