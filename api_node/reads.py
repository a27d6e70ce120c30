"""One place where a read that fails for want of a database becomes an answer: 503, never a guess."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from shared.errors import DatabaseUnavailable


@contextmanager
def answering_database_errors() -> Iterator[None]:
    """Raise DatabaseUnavailable for whatever the driver or the pool raises inside."""
    try:
        yield
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise DatabaseUnavailable from error
