"""Applications with where they stand, as the writer reads them."""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import select

from queue_service.store.dialect import Dialect
from queue_service.store.session import Transaction
from queue_service.store.statement import Row, Statement
from shared.db.applications import IN_DEPARTMENTS, OF_AN_APPLICATION, OF_ITS_PLACE, Placed, placed_of
from shared.db.tables import application


def read(tx: Transaction, application_ids: Collection[int]) -> Statement[dict[int, Placed]]:
    """Applications by id, each with where it stands, without holding them. Absent ids are absent from the result."""
    wanted = tuple(sorted(application_ids))
    parts = [(_text(tx.dialect, len(wanted)), wanted)] if wanted else []
    return Statement(tx, parts, lambda rows, _: _placed(tx.dialect, rows))


def _placed(dialect: Dialect, rows: Sequence[Row]) -> dict[int, Placed]:
    readers = _readers(dialect)
    found: dict[int, Placed] = {}
    for row in rows:
        values = dialect.values_of(row)
        for index, convert in readers:
            values[index] = convert(values[index])
        placed = placed_of(values)
        found[placed[0].id] = placed
    return found


@lru_cache(maxsize=16)
def _readers(dialect: Dialect) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    found = [(index, dialect.reader_of(column)) for index, column in enumerate(application.columns)]
    return tuple((index, convert) for index, convert in found if convert is not None)


@lru_cache(maxsize=4096)
def _text(dialect: Dialect, count: int) -> str:
    wanted = select(*dialect.row_of([*OF_AN_APPLICATION, *OF_ITS_PLACE])).select_from(IN_DEPARTMENTS)
    return dialect.text_of(wanted.where(application.c.id.in_([0] * count)))
