"""One database connection of the writer, kept open, and the transactions on it.

A connection that is lost is replaced, and the new one ends what the server may still hold of the old one: its locks
would stand in the way of the replay until the server noticed by itself, which can take hours.

Whatever goes wrong inside a transaction, it is rolled back: a lock-wait timeout (1205) undoes only its statement, and
a commit after it would store half a batch. When even the rollback fails, the connection is thrown away, which makes
the server roll back. So is one whose user was cancelled.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from sqlalchemy import CursorResult, Executable
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from queue_service.store.dialect import Dialect, dialect_for
from queue_service.store.faults import DRIVER_ERRORS, DatabaseFault, Fault, classify, leaves_doubt
from queue_service.store.statement import Row, Statement
from shared.db.driver import has_stumbled

STATEMENT_DEADLINE_S: Final = 5.0
CONNECT_DEADLINE_S: Final = 2.0
"""Short enough that a statement and three replays against a silent database end within a node's 12 s."""

_TROUBLE: Final = (*DRIVER_ERRORS, SQLAlchemyError, OSError, EOFError, TimeoutError)

OnConnect = Callable[[AsyncConnection, Any], Awaitable[Any]]
"""Called with a new connection and what the call before returned (None the first time)."""


class Transaction:
    """One transaction on one connection. Every statement has a deadline; past it the connection counts as lost. (On
    SQLite a statement cannot be interrupted: the deadline is noticed when it ends.)

    `concerns_rows`: a statement that is about the rows of its commands was reached.
    """

    def __init__(self, connection: AsyncConnection, driver: Any, deadline_s: float) -> None:
        self._connection = connection
        self._driver = driver
        self._deadline_s = deadline_s
        self.dialect: Dialect = dialect_for(connection.dialect)
        self.commit_was_sent = False
        self.concerns_rows = False

    async def begin(self) -> None:
        if self.dialect.begins_by_itself:
            return
        async with asyncio.timeout(self._deadline_s):
            await self._connection.begin()

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        async with asyncio.timeout(self._deadline_s):
            return await self._connection.execute(statement, parameters)

    async def together(self, *statements: Statement[Any]) -> None:
        """Run statements in order, in one round trip where the database can; each then has its `result`.

        The first that fails ends it: what comes after it was not run, and the caller rolls back.
        """
        owners = [(statement, part) for statement in statements for part in statement.parts]
        arrived: dict[int, tuple[list[Row], int]] = {}

        def note(index: int, rows: Sequence[Row], count: int) -> None:
            self.concerns_rows |= index + 1 < len(owners) and owners[index + 1][0].concerns_rows
            before = arrived.setdefault(id(owners[index][0]), ([], 0))
            before[0].extend(rows)
            arrived[id(owners[index][0])] = (before[0], before[1] + count)

        if owners:
            self.concerns_rows |= owners[0][0].concerns_rows
            async with asyncio.timeout(self._deadline_s):
                await self.dialect.send(self._driver, [part for _, part in owners], note)
        for statement in statements:
            statement.take(*arrived.get(id(statement), ((), 0)))

    async def commit(self) -> None:
        self.commit_was_sent = True
        async with asyncio.timeout(self._deadline_s):
            await self._whoever_began().commit()

    async def rollback(self) -> None:
        async with asyncio.timeout(self._deadline_s):
            await self._whoever_began().rollback()

    def _whoever_began(self) -> Any:
        """SQLAlchemy, if a statement went through it; else the driver itself. To begin and to commit through
        SQLAlchemy takes 50 us."""
        return self._connection if self._connection.in_transaction() else self._driver


class Session:
    """A connection that reconnects. `lock` is held by whoever uses it: on SQLite all lanes share one session."""

    def __init__(
        self, engine: AsyncEngine, *, on_connect: OnConnect | None = None, deadline_s: float = STATEMENT_DEADLINE_S
    ) -> None:
        self._engine = engine
        self._on_connect = on_connect
        self._deadline_s = deadline_s
        self._connection: AsyncConnection | None = None
        self._driver: Any = None
        self._mark: Any = None
        self.lock = asyncio.Lock()

    async def open(self) -> None:
        """Connect now, so that the first write does not pay for it; for as long as a statement may take, since nobody
        waits for an answer yet. Raises DatabaseFault."""
        async with self.transaction(connect_deadline_s=self._deadline_s):
            pass

    @asynccontextmanager
    async def transaction(self, *, connect_deadline_s: float = CONNECT_DEADLINE_S) -> AsyncIterator[Transaction]:
        """Begin, yield, COMMIT; ROLLBACK on anything else.

        Raises DatabaseFault for a database error, whatever the driver called it; other exceptions (a refusal that
        was not caught, a deposed leader) pass through after the rollback.
        """
        tx: Transaction | None = None
        try:
            connection = await self._connected(min(self._deadline_s, connect_deadline_s))
            tx = Transaction(connection, self._driver, self._deadline_s)
            await tx.begin()
            yield tx
            await tx.commit()
        except Exception as error:
            # without a connection nothing was tried, whatever the reason: no database
            is_useless = tx is None or (not isinstance(error, _TROUBLE) and has_stumbled(error))
            if not is_useless and not isinstance(error, _TROUBLE):
                await self._undo(tx, keep_connection=True)
                raise
            kind = Fault.LOST if is_useless else classify(error)
            in_doubt = tx is not None and tx.commit_was_sent and leaves_doubt(error)
            await self._undo(tx, keep_connection=kind not in (Fault.LOST, Fault.DEMOTED) and not in_doubt)
            concerns_rows = tx is not None and tx.concerns_rows
            raise DatabaseFault(kind, error, in_doubt=in_doubt, concerns_rows=concerns_rows) from error
        except BaseException:
            # cancelled, perhaps in the middle of an answer: what still comes must not be taken for the next one's
            await self._undo(tx, keep_connection=False)
            raise

    async def close(self) -> None:
        """Close the connection; the next transaction opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(self._deadline_s):
                    await connection.close()

    async def _connected(self, deadline_s: float) -> AsyncConnection:
        if self._connection is None:
            # a server that is stopped takes the connection and never greets: connecting has a deadline too
            async with asyncio.timeout(deadline_s):
                self._connection = await self._engine.connect()
                self._driver = (await self._connection.get_raw_connection()).driver_connection
                if self._on_connect is not None:
                    self._mark = await self._on_connect(self._connection, self._mark)
        return self._connection

    async def _undo(self, tx: Transaction | None, *, keep_connection: bool) -> None:
        if tx is not None and keep_connection:
            with suppress(Exception):
                await tx.rollback()
                return
        await self._drop()

    async def _drop(self) -> None:
        connection = self._connection
        if connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(self._deadline_s):
                    await connection.invalidate()
        await self.close()
