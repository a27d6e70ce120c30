"""One database connection of the writer, kept open, and the transactions on it.

Whatever goes wrong inside a transaction, it is rolled back: a lock-wait timeout (1205) undoes only its statement, and
a commit after it would store half a batch. When even the rollback fails, the connection is thrown away, which makes
the server roll back.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from sqlalchemy import CursorResult, Executable
from sqlalchemy.engine import Dialect as SqlDialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from queue_service.store.dialect import Dialect, dialect_named
from queue_service.store.faults import DatabaseFault, Fault, classify

STATEMENT_DEADLINE_S: Final = 5.0

OnConnect = Callable[[AsyncConnection], Awaitable[None]]


class Transaction:
    """One transaction on one connection. Every statement has a deadline; past it the connection counts as lost."""

    def __init__(self, connection: AsyncConnection, deadline_s: float) -> None:
        self._connection = connection
        self._deadline_s = deadline_s
        self.dialect: Dialect = dialect_named(connection.dialect.name)
        self.sql_dialect: SqlDialect = connection.dialect
        self.commit_was_sent = False

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        async with asyncio.timeout(self._deadline_s):
            return await self._connection.execute(statement, parameters)

    async def execute_text(self, text: str, parameters: tuple[Any, ...]) -> int:
        """Run a statement in the driver's own words; the number of rows it matched."""
        async with asyncio.timeout(self._deadline_s):
            return (await self._connection.exec_driver_sql(text, parameters)).rowcount

    async def commit(self) -> None:
        self.commit_was_sent = True
        async with asyncio.timeout(self._deadline_s):
            await self._connection.commit()

    async def rollback(self) -> None:
        async with asyncio.timeout(self._deadline_s):
            await self._connection.rollback()


class Session:
    """A connection that reconnects. `lock` is held by whoever uses it: on SQLite all lanes share one session."""

    def __init__(
        self, engine: AsyncEngine, *, on_connect: OnConnect | None = None, deadline_s: float = STATEMENT_DEADLINE_S
    ) -> None:
        self._engine = engine
        self._on_connect = on_connect
        self._deadline_s = deadline_s
        self._connection: AsyncConnection | None = None
        self.lock = asyncio.Lock()

    async def open(self) -> None:
        """Connect now, so that the first write does not pay for it. Raises DatabaseFault."""
        async with self.transaction():
            pass

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Begin, yield, COMMIT; ROLLBACK on anything else.

        Raises DatabaseFault for a database error, whatever the driver called it; other exceptions (a refusal that
        was not caught, a deposed leader) pass through after the rollback.
        """
        tx: Transaction | None = None
        try:
            tx = Transaction(await self._connected(), self._deadline_s)
            yield tx
            await tx.commit()
        except (SQLAlchemyError, OSError, EOFError, TimeoutError) as error:
            kind = classify(error)
            await self._undo(tx, lost=kind is Fault.LOST)
            unknown = kind is Fault.LOST and tx is not None and tx.commit_was_sent
            raise DatabaseFault(kind, error, commit_was_sent=unknown) from error
        except BaseException:
            await self._undo(tx, lost=False)
            raise

    async def close(self) -> None:
        """Close the connection; the next transaction opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(self._deadline_s):
                    await connection.close()

    async def _connected(self) -> AsyncConnection:
        if self._connection is None:
            connection = await self._engine.connect()
            self._connection = connection
            if self._on_connect is not None:
                await self._on_connect(connection)
        return self._connection

    async def _undo(self, tx: Transaction | None, *, lost: bool) -> None:
        if tx is not None and not lost:
            try:
                await tx.rollback()
                return
            except Exception:
                lost = True
        await self._drop()

    async def _drop(self) -> None:
        connection = self._connection
        if connection is not None:
            with suppress(Exception):
                await connection.invalidate()
        await self.close()
