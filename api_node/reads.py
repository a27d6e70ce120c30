"""One place where a read that fails for want of a database becomes an answer: 503, never a guess."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.db.driver import has_stumbled
from shared.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

READ_DEADLINE_S: Final = 5.0
"""A database that takes a statement and never answers (stopped, cut off) must not hold requests for ever."""


@asynccontextmanager
async def answering_database_errors(deadline_s: float = READ_DEADLINE_S) -> AsyncIterator[None]:
    """Raise DatabaseUnavailable for whatever the driver or the pool raises inside, and after `deadline_s`.

    A connection whose read was given up is thrown away by the pool: its answer may still come. A mistake of ours passes
    through.
    """
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        log.error("read_failed", error=str(getattr(error, "orig", None) or error) or type(error).__name__)
        raise DatabaseUnavailable from error
    except Exception as error:
        if not has_stumbled(error):
            raise
        log.error("read_failed", error=repr(error), exc_info=error)
        raise DatabaseUnavailable from error
