"""A database that falls silent at any moment of a read holds it until its deadline, and keeps no connection."""

import asyncio

import aiomysql
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.reads import answering_database_errors
from shared.db import database as connecting
from shared.db.database import reader_engine
from shared.errors import DatabaseUnavailable
from tests.support.databases import Database
from tests.support.mysql_proxy import MySQLProxy

pytestmark = pytest.mark.only_on("mysql")

DEADLINE_S = 0.4


async def _read(engine: AsyncEngine, deadline_s: float = DEADLINE_S) -> int:
    async with answering_database_errors(deadline_s), engine.connect() as connection:
        return int((await connection.execute(text("SELECT 7"))).scalar_one())


async def test_nothing_follows_the_answer_of_a_read_so_nothing_can_hang_after_it(
    database: Database, proxy: MySQLProxy
) -> None:
    engine = reader_engine(database.through(proxy.port).url, 1)
    rolling_back = proxy.swallow("ROLLBACK", every=1)
    async with asyncio.timeout(10):
        assert [await _read(engine, 5) for _ in range(3)] == [7, 7, 7]
    assert not rolling_back.fired.is_set()
    await engine.dispose()


@pytest.mark.parametrize("silent_at", ["SELECT 7", "SET SESSION", "SET AUTOCOMMIT", "SELECT @@"])
async def test_a_read_that_is_given_up_leaves_its_place_in_the_pool(
    database: Database, proxy: MySQLProxy, silent_at: str
) -> None:
    engine = reader_engine(database.through(proxy.port).url, 1)
    lost = proxy.swallow(silent_at)
    async with asyncio.timeout(10):
        with pytest.raises(DatabaseUnavailable):
            await _read(engine)
        assert await _read(engine, 5) == 7
    assert lost.fired_count == 1
    await engine.dispose()


async def test_a_server_that_takes_the_connection_and_says_nothing_is_an_error_of_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "CONNECT_TIMEOUT_S", DEADLINE_S)
    hung_up = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        hung_up.set()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        engine = reader_engine(database.through(silent.sockets[0].getsockname()[1]).url, 1)
        async with asyncio.timeout(10):
            with pytest.raises(OperationalError) as caught:
                await engine.connect()
            await hung_up.wait()
    assert isinstance(caught.value.orig, aiomysql.OperationalError)
    assert caught.value.orig.args[0] == 2003
    await engine.dispose()
