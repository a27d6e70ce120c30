"""Rows with a version: the four verbs every aggregate of the board needs, in the caller's transaction."""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, Table, func, select

from queue_service.domain.workingset import Change, Entity
from queue_service.store.dialect import Dialect, size_of
from queue_service.store.session import Transaction
from queue_service.store.statement import Part, Row, Statement, the_count

E = TypeVar("E", bound=Entity)

MAX_STATEMENT_BYTES: Final = 1 << 20
"""Rows of more text than this are written by several statements."""

Convert = Callable[[Any], Any] | None
Derived = tuple[ColumnElement[Any], Callable[[Any], Any]]


class VersionedTable(Generic[E]):
    """The rows of one table as frozen entities whose fields are named like the table's column keys.

    `derived` are further fields, in order behind those: what to select for each, and what makes its value of it. They
    are read and not written. What is asked for is not yet sent: see `Statement`. Nothing is sent where nothing is asked
    for.
    """

    def __init__(self, table: Table, entity: type[E], derived: Sequence[Derived] = ()) -> None:
        self._table = table
        self.entity = entity
        self._derived = tuple(derived)
        self._columns = tuple(table.c.keys())
        self._written = tuple(key for key in self._columns if key not in ("id", "created_at"))

    def lock(self, tx: Transaction, ids: Collection[int]) -> Statement[dict[int, E]]:
        """Read rows by id and hold them until the end of the transaction. Locks are taken in id order, so two batches
        that touch the same rows wait for each other instead of deadlocking. Absent ids are absent from the result."""
        return Statement(tx, self._by(tx, "id", ids, for_update=True), self._by_id(tx))

    def read(self, tx: Transaction, ids: Collection[int]) -> Statement[dict[int, E]]:
        """Read rows by id without holding them."""
        return Statement(tx, self._by(tx, "id", ids), self._by_id(tx))

    def read_by(self, tx: Transaction, key: str, values: Collection[Any]) -> Statement[list[E]]:
        """Read the rows whose column `key` is one of `values`."""
        return Statement(tx, self._by(tx, key, values), lambda rows, _: self._entities(tx, rows))

    def insert(self, tx: Transaction, entities: Sequence[E]) -> Statement[int]:
        """Insert new rows, ids included. A taken id or unique value fails the transaction."""
        rows = [self._bound(tx, self._columns, entity) for entity in entities]
        head = insert_head(tx.dialect, self._table, self._columns)
        return Statement(tx, insert_parts(tx.dialect, head, rows), the_count)

    def update(self, tx: Transaction, changes: Sequence[Change]) -> Statement[int]:
        """Write every changed row, each guarded by the version it was read with.

        The result is how many rows were still at that version; fewer than `changes` means somebody else wrote in
        between, and the caller must roll back.
        """
        rows: list[list[Any]] = []
        for change in changes:
            assert change.before is not None  # noqa: S101 - an insert is never passed here
            values = self._bound(tx, self._written, change.after)
            rows.append([change.before.id, change.before.version, *values])
        parts = [
            (tx.dialect.guarded_update(self._table, self._written, len(chunk)), tuple(chain.from_iterable(chunk)))
            for chunk in _chunks(rows)
        ]
        return Statement(tx, parts, the_count)

    async def held_by_others(self, tx: Transaction, ids: Collection[int]) -> frozenset[int]:
        """The rows that another session holds at this moment (MySQL family only): a hint, true while it is read."""
        if not ids:
            return frozenset()
        wanted = _by_primary_key(self._table).with_only_columns(self._table.c.id).where(self._table.c.id.in_(ids))
        there = {row.id for row in await tx.execute(wanted)}
        free = {row.id for row in await tx.execute(wanted.with_for_update(skip_locked=True))}
        return frozenset(there - free)

    async def last_id(self, tx: Transaction) -> int:
        """The largest id in use; 0 for an empty table."""
        return int((await tx.execute(select(func.coalesce(func.max(self._table.c.id), 0)))).scalar_one())

    def read_all(self, tx: Transaction) -> Statement[dict[int, E]]:
        """Read every row: of a table that people keep small."""
        return Statement(tx, [(_all_text(tx.dialect, self._table, self._derived), ())], self._by_id(tx))

    async def is_empty(self, tx: Transaction) -> bool:
        return (await tx.execute(select(self._table.c.id).limit(1))).first() is None

    def _by(self, tx: Transaction, key: str, values: Collection[Any], *, for_update: bool = False) -> Sequence[Part]:
        if not values:
            return ()
        text = _select_text(tx.dialect, self._table, self._derived, key, len(values), for_update)
        return [(text, tuple(sorted(values)))]

    def _by_id(self, tx: Transaction) -> Callable[[Sequence[Row], int], dict[int, E]]:
        return lambda rows, _: {entity.id: entity for entity in self._entities(tx, rows)}

    def _entities(self, tx: Transaction, rows: Sequence[Row]) -> list[E]:
        readers = _readers(tx.dialect, self._table, self._derived)
        entities = []
        for row in rows:
            values = tx.dialect.values_of(row)
            for index, read in readers:
                values[index] = read(values[index])
            entities.append(self.entity(*values))
        return entities

    def _bound(self, tx: Transaction, columns: tuple[str, ...], entity: Entity) -> list[Any]:
        return [
            getattr(entity, key) if convert is None else convert(getattr(entity, key))
            for key, convert in zip(columns, to_driver(tx.dialect, self._table, columns), strict=True)
        ]


@lru_cache(maxsize=64)
def to_driver(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> tuple[Convert, ...]:
    """What makes of a value of each column what the driver takes; None where that is the value itself."""
    return tuple(table.c[key].type.dialect_impl(dialect.sql).bind_processor(dialect.sql) for key in columns)


def bound(dialect: Dialect, table: Table, key: str, value: Any) -> Any:
    """One value of a column, as the driver takes it."""
    (convert,) = to_driver(dialect, table, (key,))
    return value if convert is None else convert(value)


@lru_cache(maxsize=64)
def insert_head(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> str:
    """An INSERT up to its values."""
    quote = dialect.sql.identifier_preparer.quote
    names = ", ".join(quote(table.c[key].name) for key in columns)
    return f"INSERT INTO {quote(table.name)} ({names}) VALUES "  # noqa: S608 - names only


def insert_parts(dialect: Dialect, head: str, rows: Sequence[Sequence[Any]]) -> Sequence[Part]:
    """Rows of values as INSERTs of many rows each."""
    if not rows:
        return ()
    row = "(" + ", ".join([dialect.placeholder] * len(rows[0])) + ")"
    return [(head + ", ".join([row] * len(chunk)), tuple(chain.from_iterable(chunk))) for chunk in _chunks(rows)]


def _chunks(rows: Sequence[Sequence[Any]]) -> list[list[Sequence[Any]]]:
    chunks: list[list[Sequence[Any]]] = []
    size = 0
    for row in rows:
        of_this = size_of(row)
        size += of_this
        if not chunks or size > MAX_STATEMENT_BYTES:
            chunks.append([])
            size = of_this
        chunks[-1].append(row)
    return chunks


@lru_cache(maxsize=64)
def _readers(
    dialect: Dialect, table: Table, derived: tuple[Derived, ...]
) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    found = [dialect.reader_of(column) for column in table.columns] + [read for _, read in derived]
    return tuple((index, read) for index, read in enumerate(found) if read is not None)


@lru_cache(maxsize=4096)
def _select_text(
    dialect: Dialect, table: Table, derived: tuple[Derived, ...], key: str, count: int, for_update: bool
) -> str:
    statement = _by_primary_key(table) if for_update else select(table)
    columns = [*table.columns.values(), *(wanted for wanted, _ in derived)]
    statement = statement.with_only_columns(*dialect.row_of(columns))
    statement = statement.where(table.c[key].in_([0] * count)).order_by(table.c.id)
    if for_update:
        statement = statement.with_for_update()
    return dialect.text_of(statement)


@lru_cache(maxsize=64)
def _all_text(dialect: Dialect, table: Table, derived: tuple[Derived, ...]) -> str:
    columns = [*table.columns.values(), *(wanted for wanted, _ in derived)]
    return dialect.text_of(select(*dialect.row_of(columns)).select_from(table).order_by(table.c.id))


def _by_primary_key(table: Table) -> Select[Any]:
    # the optimizer may prefer to scan a small table, and a scan waits for rows that others hold
    return select(table).with_hint(table, "FORCE INDEX (PRIMARY)", "mysql")
