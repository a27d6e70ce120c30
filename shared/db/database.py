"""Connections: one engine for the writer, one read-only engine for a node. Everything dialect-specific about
connecting is here.

MySQL and MariaDB: READ COMMITTED, `innodb_lock_wait_timeout` 2 s, strict SQL mode, UTC. SQLite: WAL with
`synchronous=FULL` and BEGIN IMMEDIATE for the writer, read-only for nodes. Parameters are passed as text, never as
bytes: aiomysql 0.3 fails on those with PyMySQL 1.2.3 and later.
"""

import asyncio
from typing import Any, Final
from urllib.parse import quote

import aiomysql
from pymysql.constants import CR
from sqlalchemy import URL, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

CONNECT_TIMEOUT_S: Final = 5
LOCK_WAIT_TIMEOUT_S: Final = 2
_SQL_MODE: Final = "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_INIT_COMMAND: Final = (
    f"SET SESSION innodb_lock_wait_timeout={LOCK_WAIT_TIMEOUT_S}, time_zone='+00:00', sql_mode='{_SQL_MODE}'"
)


def parse(database_url: str) -> URL:
    """Our URL as SQLAlchemy's, naming the async driver."""
    url = make_url(database_url)
    driver = {"mysql": "mysql+aiomysql", "sqlite": "sqlite+aiosqlite"}[url.get_backend_name()]
    return url.set(drivername=driver)


def is_sqlite(database_url: str) -> bool:
    return database_url.startswith("sqlite:")


def writer_engine(database_url: str) -> AsyncEngine:
    """The writer's engine: no pool (a lane keeps its own connection), explicit transactions."""
    url = parse(database_url)
    if is_sqlite(database_url):
        return _sqlite(url, writes=True, poolclass=NullPool)
    return _mysql(url, isolation_level="READ COMMITTED", poolclass=NullPool)


def reader_engine(database_url: str, pool_size: int) -> AsyncEngine:
    """A node's engine: autocommit reads only, at most `pool_size` connections, 5 s wait for one."""
    url = parse(database_url)
    if is_sqlite(database_url):
        # mode=ro: a node that starts first must not make an empty file where the database will be
        url = url.set(database=f"file:{quote(url.database or '')}", query={"mode": "ro", "uri": "true"})
        # a reader is a thread of this process: more than a few only contend for the interpreter
        return _sqlite(url, writes=False, pool_size=min(pool_size, 4), max_overflow=0, pool_timeout=CONNECT_TIMEOUT_S)
    return _mysql(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
        pool_recycle=1800,
        # a read in autocommit leaves nothing to roll back. The round trips would not only cost time: a connection is
        # closed beyond the reach of a cancellation, and with a server that stands still that would be for ever
        pool_reset_on_return=None,
        skip_autocommit_rollback=True,
    )


def _mysql(url: URL, **options: Any) -> AsyncEngine:
    connect_args = {"charset": "utf8mb4", "init_command": _INIT_COMMAND, "async_creator_fn": _connect_mysql}
    return create_async_engine(url, connect_args=connect_args, hide_parameters=True, **options)


async def _connect_mysql(**arguments: Any) -> Any:
    """A connection of the driver, with one deadline up to its first answer. Raises OperationalError past it.

    Not the driver's own `connect_timeout`: that ends with the TCP connection, which a server that stands still takes,
    too; and a cancellation that falls together with it is lost (asyncio.wait_for before Python 3.12).
    """
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await aiomysql.connect(**arguments)
    except TimeoutError as error:
        reason = f"no answer within {CONNECT_TIMEOUT_S} s"
        raise aiomysql.OperationalError(CR.CR_CONN_HOST_ERROR, reason) from error


def _sqlite(url: URL, *, writes: bool, **options: Any) -> AsyncEngine:
    # the driver's own transaction control is switched off: it would begin late and not as IMMEDIATE
    connect_args = {"timeout": LOCK_WAIT_TIMEOUT_S, "isolation_level": None}
    engine = create_async_engine(url, connect_args=connect_args, hide_parameters=True, **options)

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in _WRITER_PRAGMAS if writes else _READER_PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    if writes:

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(connection: Any) -> None:
            # IMMEDIATE: a transaction that reads first and writes later would fail instead of waiting for its turn
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


_WRITER_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
_READER_PRAGMAS: Final = ("query_only=ON",)
