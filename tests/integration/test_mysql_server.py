"""The private server itself: what it keeps, how it comes up, that nothing of it outlives the tests."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from tests.support.mysql_binaries import NoServer, ServerBinaries, find_or_fetch
from tests.support.mysql_server import MySQLServer

WAIT_S = 30.0


@pytest.fixture(scope="module")
def binaries() -> ServerBinaries:
    return find_or_fetch()


@pytest.fixture(scope="module")
def server(binaries: ServerBinaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySQLServer]:
    server = MySQLServer(binaries, tmp_path_factory.mktemp("durable"), durable=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database(server: MySQLServer) -> Iterator[str]:
    server.create_database("kept")
    server.query("CREATE TABLE note (id INT PRIMARY KEY)", database="kept")
    yield "kept"
    server.drop_database("kept")


def test_committed_rows_survive_a_kill_on_the_same_port(server: MySQLServer, database: str) -> None:
    port, first_pid = server.port, server.pid
    for number in range(20):
        server.query("INSERT INTO note VALUES (%s)", number, database=database)

    server.kill()
    assert server.pid is None
    server.restart()

    assert server.port == port
    assert server.pid not in (None, first_pid)
    assert server.query("SELECT COUNT(*) FROM note", database=database) == [(20,)]


def test_a_durable_server_syncs_each_commit(server: MySQLServer) -> None:
    [(flush, doublewrite)] = server.query("SELECT @@innodb_flush_log_at_trx_commit, @@innodb_doublewrite")
    assert flush == 1
    assert doublewrite in (1, "ON")  # as MariaDB and MySQL put it


def test_a_paused_server_answers_after_it_is_resumed(server: MySQLServer) -> None:
    server.pause()
    with pytest.raises(pymysql.err.OperationalError):
        pymysql.connect(host=server.host, port=server.port, user="test", password="test", read_timeout=1)

    server.resume()

    assert server.query("SELECT 1") == [(1,)]


def test_a_paused_server_can_be_stopped_in_order(server: MySQLServer) -> None:
    server.pause()
    server.restart()
    assert server.query("SELECT 1") == [(1,)]


def test_starting_a_running_server_is_refused(server: MySQLServer) -> None:
    with pytest.raises(RuntimeError, match="runs already"):
        server.start()


def test_a_database_name_that_needs_quoting_is_refused(server: MySQLServer) -> None:
    with pytest.raises(ValueError, match="not a database name"):
        server.create_database("a`b")


async def test_a_server_started_in_a_worker_thread_outlives_the_thread(
    binaries: ServerBinaries, tmp_path: Path
) -> None:
    server = MySQLServer(binaries, tmp_path)
    await asyncio.to_thread(server.start)
    try:
        await asyncio.get_running_loop().shutdown_default_executor()
        assert server.query("SELECT 1") == [(1,)]
    finally:
        server.kill()


def test_the_end_of_the_log_is_in_the_error_when_it_does_not_come_up(binaries: ServerBinaries, tmp_path: Path) -> None:
    server = MySQLServer(binaries, tmp_path, options=("--no-such-option",))
    with pytest.raises(RuntimeError, match=r"(?s)ended with status .*no-such-option"):
        server.start()


def test_a_server_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    """As when pytest itself is killed: nobody stops the server in order then."""
    script = (
        "import pathlib, signal, sys\n"
        "from tests.support.mysql_binaries import find_or_fetch\n"
        "from tests.support.mysql_server import MySQLServer\n"
        "server = MySQLServer(find_or_fetch(), pathlib.Path(sys.argv[1]))\n"
        "server.start()\n"
        "print(server.pid, flush=True)\n"
        "signal.pause()\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        server = os.pidfd_open(int(owner.stdout.readline()))
        owner.send_signal(signal.SIGKILL)
    try:
        ended, _, _ = select.select([server], [], [], WAIT_S)
    finally:
        os.close(server)
    assert ended


def test_without_a_server_or_apt_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.mysql_binaries.SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoServer, match=r"(?s)TEST_DATABASE_URL.*make test DB=sqlite"):
        find_or_fetch({"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})


def test_an_unknown_kind_of_server_is_refused() -> None:
    with pytest.raises(ValueError, match="mariadb or mysql"):
        find_or_fetch({"TEST_SERVER": "postgres"})
