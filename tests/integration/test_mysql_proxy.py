"""The fault proxy before a real server: what each fault leaves in the database, and what the client sees of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiomysql
import pymysql
import pytest

from tests.support.mysql_binaries import find_or_fetch
from tests.support.mysql_proxy import MySQLProxy
from tests.support.mysql_server import PASSWORD, USER, MySQLServer

DATABASE = "faults"
WAIT_S = 10.0
LOST = (2006, 2013)  # server has gone away, lost connection during query


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySQLServer]:
    server = MySQLServer(find_or_fetch(), tmp_path_factory.mktemp("server"))
    server.start()
    server.create_database(DATABASE)
    server.query("CREATE TABLE note (id INT PRIMARY KEY, body LONGTEXT)", database=DATABASE)
    yield server
    server.stop()


@pytest.fixture
async def proxy(server: MySQLServer) -> AsyncIterator[MySQLProxy]:
    server.query("DELETE FROM note", database=DATABASE)
    before = asyncio.all_tasks()
    async with MySQLProxy(server.host, server.port) as proxy:
        yield proxy
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}


@asynccontextmanager
async def connected(proxy: MySQLProxy) -> AsyncIterator[Any]:  # aiomysql is not typed
    connection = await aiomysql.connect(
        host="127.0.0.1", port=proxy.port, user=USER, password=PASSWORD, db=DATABASE, autocommit=True
    )
    try:
        yield connection
    finally:
        await connection.ensure_closed()


async def run(connection: Any, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    async with connection.cursor() as cursor:
        await cursor.execute(sql, parameters or None)
        return list(await cursor.fetchall())


def ids(server: MySQLServer) -> list[int]:
    return [number for (number,) in server.query("SELECT id FROM note ORDER BY id", database=DATABASE)]


async def test_statements_and_large_rows_pass_unchanged(proxy: MySQLProxy, server: MySQLServer) -> None:
    body = "é" * 3_000_000
    async with connected(proxy) as connection:
        await run(connection, "INSERT INTO note VALUES (1, %s)", body)
        assert await run(connection, "SELECT body FROM note") == [(body,)]
        assert await run(connection, "SELECT 1 WHERE FALSE") == []
        with pytest.raises(pymysql.err.IntegrityError):
            await run(connection, "INSERT INTO note VALUES (1, '')")
        await connection.ping(reconnect=False)


async def test_a_message_of_more_than_one_packet_passes_and_can_be_failed(
    proxy: MySQLProxy, server: MySQLServer
) -> None:
    body = "x" * (17 << 20)
    server.query(f"SET GLOBAL max_allowed_packet = {64 << 20}")
    proxy.fail_with(1205, "INSERT")
    async with connected(proxy) as connection:
        with pytest.raises(pymysql.err.OperationalError, match="1205"):
            await run(connection, "INSERT INTO note VALUES (1, %s)", body)
        await run(connection, "INSERT INTO note VALUES (2, %s)", body)
        assert await run(connection, "SELECT id, LENGTH(body) FROM note") == [(2, len(body))]


async def test_a_lock_wait_timeout_undoes_only_its_statement(proxy: MySQLProxy, server: MySQLServer) -> None:
    rule = proxy.fail_with(1205, matching="UPDATE note")
    async with connected(proxy) as connection:
        await connection.begin()
        await run(connection, "INSERT INTO note VALUES (1, 'a')")
        with pytest.raises(pymysql.err.OperationalError) as failure:
            await run(connection, "update note SET body = 'b'")
        await connection.commit()

    assert failure.value.args == (1205, "Lock wait timeout exceeded; try restarting transaction")
    assert server.query("SELECT id, body FROM note", database=DATABASE) == [(1, "a")]
    assert rule.fired_count == 1


async def test_a_deadlock_rolls_the_whole_transaction_back(proxy: MySQLProxy, server: MySQLServer) -> None:
    proxy.fail_with(1213, matching="UPDATE note")
    async with connected(proxy) as connection:
        await connection.begin()
        await run(connection, "INSERT INTO note VALUES (1, 'a')")
        with pytest.raises(pymysql.err.OperationalError) as failure:
            await run(connection, "UPDATE note SET body = 'b'")
        await connection.commit()
        assert ids(server) == []

        await run(connection, "UPDATE note SET body = 'b'")
        assert await run(connection, "SELECT 5") == [(5,)]

    assert failure.value.args[0] == 1213


async def test_an_injected_deadlock_looks_to_the_client_like_a_real_one(proxy: MySQLProxy, server: MySQLServer) -> None:
    server.query("INSERT INTO note VALUES (1, ''), (2, '')", database=DATABASE)

    async def take_both(connection: Any, first: int, second: int, first_taken: asyncio.Barrier) -> list[Exception]:
        await connection.begin()
        await run(connection, "UPDATE note SET body = 'x' WHERE id = %s", first)
        await first_taken.wait()
        failures: list[Exception] = []
        try:
            await run(connection, "UPDATE note SET body = 'x' WHERE id = %s", second)
        except pymysql.err.OperationalError as failure:
            failures.append(failure)
        await connection.rollback()
        return failures

    async with connected(proxy) as one, connected(proxy) as other, connected(proxy) as third:
        both = asyncio.Barrier(2)
        real = await asyncio.gather(take_both(one, 1, 2, both), take_both(other, 2, 1, both))
        proxy.fail_with(1213, "UPDATE")
        with pytest.raises(pymysql.err.OperationalError) as injected:
            await run(third, "UPDATE note SET body = 'x'")

    assert [injected.value.args] == [failure.args for failures in real for failure in failures]


async def test_a_commit_whose_answer_is_lost_has_happened(proxy: MySQLProxy, server: MySQLServer) -> None:
    lost = proxy.drop_ok_of("COMMIT")
    async with connected(proxy) as connection:
        await connection.begin()
        await run(connection, "INSERT INTO note VALUES (1, 'a')")
        with pytest.raises(pymysql.err.OperationalError) as failure:
            await connection.commit()

    assert failure.value.args[0] in LOST
    assert lost.fired.is_set()
    assert ids(server) == [1]


async def test_a_commit_cut_off_on_its_way_has_not_happened(proxy: MySQLProxy, server: MySQLServer) -> None:
    proxy.cut_before("COMMIT")
    async with connected(proxy) as connection:
        await connection.begin()
        await run(connection, "INSERT INTO note VALUES (1, 'a')")
        with pytest.raises(pymysql.err.OperationalError) as failure:
            await connection.commit()

    assert failure.value.args[0] in LOST
    # Waits for the server to undo the lost transaction, which locks the row until then.
    server.query("INSERT INTO note VALUES (1, 'mine')", database=DATABASE)
    assert server.query("SELECT body FROM note", database=DATABASE) == [("mine",)]


async def test_a_rule_fires_once_or_every_nth_time_after_those_it_skips(proxy: MySQLProxy, server: MySQLServer) -> None:
    once = proxy.fail_with(1205, "INSERT", skip=1)
    often = proxy.fail_with(1213, ".*note", every=3, skip=2)
    outcomes = []
    async with connected(proxy) as connection:
        for number in range(1, 10):
            try:
                await run(connection, "INSERT INTO note VALUES (%s, '')", number)
                outcomes.append(0)
            except pymysql.err.OperationalError as failure:
                outcomes.append(failure.args[0])

        assert outcomes == [0, 1205, 0, 0, 1213, 0, 0, 1213, 0]
        assert (once.fired_count, often.fired_count) == (1, 2)

        proxy.remove(often)
        assert proxy.rules == (once,)
        for number in range(10, 15):
            await run(connection, "INSERT INTO note VALUES (%s, '')", number)


async def test_a_word_inside_a_statement_is_not_taken_for_a_commit(proxy: MySQLProxy) -> None:
    rule = proxy.cut_before("COMMIT")
    async with connected(proxy) as connection:
        assert await run(connection, "SELECT 1 AS committed_at") == [(1,)]
    assert rule.fired_count == 0


async def test_a_delayed_statement_holds_up_its_own_connection_only(proxy: MySQLProxy) -> None:
    rule = proxy.delay("SELECT 'slow'", 0.3)
    async with connected(proxy) as slow, connected(proxy) as quick:
        started = asyncio.get_running_loop().time()
        waiting = asyncio.create_task(run(slow, "SELECT 'slow'"))
        assert await run(quick, "SELECT 'quick'") == [("quick",)]
        assert not waiting.done()
        assert await waiting == [("slow",)]
        assert asyncio.get_running_loop().time() - started >= 0.3
    assert rule.fired_count == 1


async def test_refused_connections_are_counted_and_open_ones_go_on(proxy: MySQLProxy) -> None:
    async with connected(proxy) as connection:
        proxy.refuse_connections(True)
        for _ in range(2):
            with pytest.raises(pymysql.err.OperationalError):
                await connected(proxy).__aenter__()
        assert await run(connection, "SELECT 1") == [(1,)]

        proxy.refuse_connections(False)
        async with connected(proxy) as another:
            assert await run(another, "SELECT 2") == [(2,)]
    assert proxy.refused_count == 2


async def test_all_connections_can_be_cut_at_once(proxy: MySQLProxy) -> None:
    async with connected(proxy) as one, connected(proxy) as other:
        proxy.cut_all()
        for connection in (one, other):
            with pytest.raises(pymysql.err.OperationalError):
                await run(connection, "SELECT 1")


async def test_a_login_that_the_server_refuses_is_reported_as_it_was(proxy: MySQLProxy) -> None:
    with pytest.raises(pymysql.err.OperationalError, match="1045"):
        await aiomysql.connect(host="127.0.0.1", port=proxy.port, user=USER, password="wrong")


async def test_a_client_in_another_process_meets_the_same_faults(proxy: MySQLProxy, server: MySQLServer) -> None:
    """pymysql in a thread stands for the process: it shares nothing with this loop, and asks for TLS if offered."""
    lost = proxy.drop_ok_of("INSERT")

    def insert() -> None:
        connection = pymysql.connect(
            host="127.0.0.1", port=proxy.port, user=USER, password=PASSWORD, database=DATABASE, autocommit=True
        )
        try:
            connection.cursor().execute("INSERT INTO note VALUES (1, '')")
        finally:
            if connection.open:
                connection.close()

    client = asyncio.create_task(asyncio.to_thread(insert))
    async with asyncio.timeout(WAIT_S):
        await lost.fired.wait()
    with pytest.raises(pymysql.err.OperationalError):
        await client
    assert ids(server) == [1]


async def test_the_proxy_closes_while_connections_wait_for_a_frozen_server(server: MySQLServer) -> None:
    async with MySQLProxy(server.host, server.port) as proxy, connected(proxy) as connection:
        server.pause()
        try:
            waiting = asyncio.create_task(run(connection, "SELECT 1"))
            async with asyncio.timeout(WAIT_S):
                await proxy.__aexit__(None, None, None)
                with pytest.raises(pymysql.err.OperationalError):
                    await waiting
        finally:
            server.resume()
