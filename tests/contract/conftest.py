"""One running cluster for all contract tests, on each database; each test brings people and tasks of its own."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
import pytest

from shared.db import migrate
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.databases import Database, MySQLSource
from tests.support.documented import DocumentedResponse

PASSWORD = "password123"


@dataclass(frozen=True, slots=True)
class Running:
    """A started cluster and the token of its first account, an administrator."""

    cluster: Cluster
    admin_id: int
    admin_token: str


@dataclass(frozen=True, slots=True)
class Board:
    """The API of a running cluster: `stranger` and `admin` at the first node, `other` is the admin at the second."""

    stranger: Api
    admin: Api
    other: Api
    admin_id: int
    cluster: Cluster

    async def employee(self) -> tuple[int, Api]:
        """Somebody new, without any right but an employee's."""
        user_id, token, _ = await self.account()
        return user_id, Api(self.stranger.http, token)

    async def account(self) -> tuple[int, str, str]:
        """A new account: id, token, e-mail."""
        email = f"{uuid.uuid4().hex}@example.com"
        answer = await self.stranger.post("/api/auth/register", {"email": email, "password": PASSWORD})
        assert answer.status == 201, answer
        return answer.data["user"]["id"], answer.data["token"], email


@pytest.fixture(scope="session")
def running_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("cluster")
    with _running(f"sqlite:///{directory / 'console.db'}", directory) as running:
        yield running


@pytest.fixture(scope="session")
def running_on_mysql(mysql_source: MySQLSource, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    try:
        with _running(mysql_source.create(name), tmp_path_factory.mktemp("cluster")) as running:
            yield running
    finally:
        mysql_source.drop(name)


@pytest.fixture
def running(database_kind: str, request: pytest.FixtureRequest) -> Running:
    """The cluster of all these tests; one that stops a process starts its own.

    One for each database, both to the end of the session: a fixture with the database as its parameter would be ended
    and begun anew twice in each file.
    """
    found: Running = request.getfixturevalue(f"running_on_{database_kind}")
    return found


@pytest.fixture
async def board(running: Running) -> AsyncIterator[Board]:
    """Clients of the running cluster."""
    cluster, token = running.cluster, running.admin_token
    timeout = aiohttp.ClientTimeout(total=30)
    first_url, second_url = (node.url for node in cluster.nodes)
    # what a test fails at is held against an address of its own
    here = {"X-Forwarded-For": str(IPv4Address(random.randrange(10 << 24, 11 << 24)))}
    async with (
        # whatever a test is about, every answer it reads must be as the OpenAPI document says
        aiohttp.ClientSession(first_url, timeout=timeout, headers=here, response_class=DocumentedResponse) as first,
        aiohttp.ClientSession(second_url, timeout=timeout, headers=here, response_class=DocumentedResponse) as second,
    ):
        yield Board(Api(first), Api(first, token), Api(second, token), running.admin_id, cluster)


@pytest.fixture
def kept(running: Running) -> Database:
    """The running cluster's database, to look into or to turn a clock back in."""
    url = running.cluster.database_url
    return Database("sqlite" if url.startswith("sqlite") else "mysql", url)


@pytest.fixture
async def queue_door(running: Running) -> AsyncIterator[Api]:
    """The queue service, asked by somebody without its secret."""
    async with aiohttp.ClientSession(running.cluster.queue.url) as http:
        yield Api(http)


@contextmanager
def _running(url: str, directory: Path) -> Iterator[Running]:
    migrate.upgrade(url)
    cluster, admin_id, token = asyncio.run(_started(url, directory))
    try:
        yield Running(cluster, admin_id, token)
    finally:
        asyncio.run(cluster.__aexit__(None, None, None))


async def _started(url: str, directory: Path) -> tuple[Cluster, int, str]:
    cluster = Cluster(url, directory, nodes=2)
    try:
        await cluster.__aenter__()
        async with aiohttp.ClientSession(cluster.nodes[0].url) as http:
            credentials = {"email": "first@example.com", "password": PASSWORD}
            answer = await Api(http).post("/api/auth/register", credentials)
    except BaseException:
        await cluster.__aexit__(None, None, None)
        raise
    return cluster, answer.data["user"]["id"], answer.data["token"]
