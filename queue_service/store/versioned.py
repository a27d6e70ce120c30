"""Rows with a version: the four verbs every aggregate of the board needs, in the caller's transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from types import MappingProxyType
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
    are read and not written. `instead` is what to select in place of some columns. `apart`: columns that may have been
    left out where they were read; such a column is written for those rows alone that change it.
    What is asked for is not yet sent: see `Statement`. Nothing is sent where nothing is asked for.
    """

    def __init__(
        self,
        table: Table,
        entity: type[E],
        derived: Sequence[Derived] = (),
        *,
        instead: Mapping[str, ColumnElement[Any]] = MappingProxyType({}),
        apart: Collection[str] = (),
    ) -> None:
        self._table = table
        self.entity = entity
        self._derived = tuple(derived)
        own = (instead.get(column.key, column) for column in table.columns)
        self._apart = frozenset(apart)
        self._selected = (*own, *(wanted for wanted, _ in self._derived))
        self._columns = tuple(table.c.keys())
        self._written = tuple(key for key in self._columns if key not in ("id", "created_at"))
        self._values: Any = tuple if issubclass(entity, tuple) else attrgetter(*self._columns)

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
        if not entities:
            return Statement(tx, (), the_count)
        new = self._by_column(entities)
        written = tuple(key for key in self._columns if any(value is not None for value in new[key]))
        rows = list(zip(*self._bound(tx, written, new), strict=True))
        head = insert_head(tx.dialect, self._table, written)
        return Statement(tx, insert_parts(tx.dialect, head, rows), the_count)

    def update(self, tx: Transaction, changes: Sequence[Change]) -> Statement[int]:
        """Write every changed row, each guarded by the version it was read with: the columns that any of them changed.

        The result is how many rows were still at that version; fewer than `changes` means somebody else wrote in
        between, and the caller must roll back.
        """
        if not changes:
            return Statement(tx, (), the_count)
        return Statement(tx, self._guarded_updates(tx, changes), the_count)

    def _guarded_updates(self, tx: Transaction, changes: Sequence[Change]) -> list[Part]:
        before, after = (self._by_column(rows) for rows in zip(*((c.before, c.after) for c in changes), strict=True))
        written = [key for key in self._written if before[key] != after[key]]
        if len(changes) > 1 and (apart := [key for key in written if key in self._apart]):
            alike: dict[tuple[bool, ...], list[Change]] = {}
            for n, change in enumerate(changes):
                alike.setdefault(tuple(before[key][n] != after[key][n] for key in apart), []).append(change)
            if len(alike) > 1:
                return [part for group in alike.values() for part in self._guarded_updates(tx, group)]
        common = {key: bound(tx.dialect, self._table, key, after[key][0]) for key in written if _are_alike(after[key])}
        own = tuple(key for key in written if key not in common)
        rows = list(zip(before["id"], before["version"], *self._bound(tx, own, after), strict=True))
        return [tx.dialect.guarded_update(self._table, common, own, chunk) for chunk in _chunks(rows)]

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
        return Statement(tx, [(_all_text(tx.dialect, self._table, self._selected), ())], self._by_id(tx))

    async def find(self, tx: Transaction, which: Select[Any]) -> list[E]:
        """The rows that a SELECT of the table finds, in its order, without holding them."""
        found = await tx.execute(which.with_only_columns(*tx.dialect.row_of(self._selected)))
        rows: Sequence[Any] = found.all()
        return self._entities(tx, rows)

    async def is_empty(self, tx: Transaction) -> bool:
        return (await tx.execute(select(self._table.c.id).limit(1))).first() is None

    def _by(self, tx: Transaction, key: str, values: Collection[Any], *, for_update: bool = False) -> Sequence[Part]:
        if not values:
            return ()
        text = _select_text(tx.dialect, self._table, self._selected, key, len(values), for_update)
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

    def _by_column(self, entities: Sequence[E]) -> dict[str, tuple[Any, ...]]:
        return dict(zip(self._columns, zip(*map(self._values, entities), strict=True), strict=True))

    def _bound(self, tx: Transaction, keys: tuple[str, ...], by_column: Mapping[str, Sequence[Any]]) -> list[Any]:
        """The values of some columns, as the driver takes them."""
        converts = to_driver(tx.dialect, self._table, keys)
        return [
            by_column[key] if convert is None else list(map(convert, by_column[key]))
            for key, convert in zip(keys, converts, strict=True)
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


def append(tx: Transaction, table: Table, names: tuple[str, ...], values: Sequence[tuple[Any, ...]]) -> Statement[int]:
    """Insert rows that are never changed, given as tuples of the columns of these names."""
    columns = zip(to_driver(tx.dialect, table, names), zip(*values, strict=True), strict=bool(values))
    rows = list(zip(*(map(convert, each) if convert else each for convert, each in columns), strict=True))
    return Statement(tx, insert_parts(tx.dialect, insert_head(tx.dialect, table, names), rows), the_count)


def _are_alike(values: Sequence[Any]) -> bool:
    return values.count(values[0]) == len(values)


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
    dialect: Dialect, table: Table, columns: tuple[ColumnElement[Any], ...], key: str, count: int, for_update: bool
) -> str:
    statement = _by_primary_key(table) if for_update else select(table)
    statement = statement.with_only_columns(*dialect.row_of(columns))
    statement = statement.where(table.c[key].in_([0] * count)).order_by(table.c.id)
    if for_update:
        statement = statement.with_for_update()
    return dialect.text_of(statement)


@lru_cache(maxsize=64)
def _all_text(dialect: Dialect, table: Table, columns: tuple[ColumnElement[Any], ...]) -> str:
    return dialect.text_of(select(*dialect.row_of(columns)).select_from(table).order_by(table.c.id))


def _by_primary_key(table: Table) -> Select[Any]:
    # the optimizer may prefer to scan a small table, and a scan waits for rows that others hold
    return select(table).with_hint(table, "FORCE INDEX (PRIMARY)", "mysql")
