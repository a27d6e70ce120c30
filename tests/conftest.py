"""Fixtures of every test: a fresh, migrated database of each kind, the writer in process, real processes.

`--db sqlite|mysql|all` (make test DB=...) chooses the databases; every test that takes `database` runs once on each.
A MySQL-family server is TEST_DATABASE_URL, or a private one that is found on this machine or fetched through apt.
"""

import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import Phase
from hypothesis import settings as hypothesis

from queue_service.service import QueueService
from shared import logs
from shared.clock import SystemClock
from shared.db import migrate
from tests.support.cluster import Cluster
from tests.support.databases import Database, MySQLSource, given_source, private_source
from tests.support.mysql_binaries import NoServer, find_or_fetch
from tests.support.mysql_proxy import MySQLProxy
from tests.support.mysql_server import MySQLServer
from tests.support.writer import settings_for

# for the mutants: that a property fails is all they ask, not by which smallest example
hypothesis.register_profile("first-failure", phases=[Phase.explicit, Phase.reuse, Phase.generate])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--db", choices=("sqlite", "mysql", "all"), default="all", help="databases to run on")
    parser.addoption("--campaign", action="store_true", help="run the fault tests long (make campaign)")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Fetch a server before output is captured: it takes long and says so."""
    if session.config.getoption("--db") != "sqlite" and not session.config.option.collectonly:
        try:
            find_or_fetch()
        except NoServer as error:
            raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--db")
        only = metafunc.definition.get_closest_marker("only_on")
        kinds = only.args if only else ("sqlite", "mysql")
        metafunc.parametrize("database_kind", [k for k in kinds if chosen in ("all", k)], scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests about a database that was not chosen; pytest would call them skipped."""
    chosen = config.getoption("--db")
    if chosen == "all":
        return
    about = {item: item.get_closest_marker("only_on") for item in items}
    others = [item for item, mark in about.items() if mark is not None and chosen not in mark.args]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in set(others)]


@pytest.fixture(scope="session")
def mysql_source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySQLSource]:
    """Where MySQL-family databases come from; started when the first test asks."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    with given_source(given) if given else private_source(tmp_path_factory.mktemp("mysql")) as source:
        yield source


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A fresh, migrated database, gone after the test."""
    if database_kind == "sqlite":
        path = tmp_path / "console.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield Database("sqlite", f"sqlite:///{path}")
        return
    source: MySQLSource = request.getfixturevalue("mysql_source")
    name = f"test_{uuid.uuid4().hex[:12]}"
    try:
        yield Database("mysql", source.create_migrated(name))
    finally:
        source.drop(name)


@pytest.fixture
async def service(database: Database, tmp_path: Path) -> AsyncIterator[QueueService]:
    """The queue service in this process, without its HTTP door, started and drained around the test."""

    def deposed() -> None:
        raise AssertionError("this test's leader was deposed")

    running = QueueService(settings_for(database, tmp_path), SystemClock(), on_deposed=deposed)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def proxy(mysql_source: MySQLSource) -> AsyncIterator[MySQLProxy]:
    """A way to the MySQL-family server on which faults can be put."""
    async with MySQLProxy(mysql_source.host, mysql_source.port) as running:
        yield running


@pytest.fixture
async def cluster(database: Database, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A queue service and two nodes as real processes."""
    async with Cluster(database.url, tmp_path, nodes=2) as running:
        yield running


@pytest.fixture
def durable_server(tmp_path: Path) -> Iterator[MySQLServer]:
    """A server of the test's own to crash, with every commit synced."""
    server = MySQLServer(find_or_fetch(), tmp_path / "mysql", durable=True)
    server.start()
    server.create_database("crash")
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _logs_to_this_tests_output() -> None:
    logs.configure("test", level="info", as_json=True)
    # each test has a standard output of its own: nothing may hold on to an earlier one
    structlog.configure(**structlog.get_config() | {"cache_logger_on_first_use": False})
