"""What a node says while the database or the queue service is away: 503 that tells what happened, never a guess."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from api_node.reads import READ_DEADLINE_S
from shared.db import migrate
from tests.support.api import Answer, Api
from tests.support.cluster import Cluster
from tests.support.mysql_binaries import find_or_fetch
from tests.support.mysql_server import MySQLServer
from tests.support.unit import submitted

WRITES = (
    ("POST", "/api/tasks", {"title": "x"}),
    ("PATCH", "/api/tasks/1", {"title": "x"}),
    ("DELETE", "/api/tasks/1", None),
)


async def _ask_for_everything(api: Api) -> list[Answer]:
    reads = [await api.get(path) for path in ("/api/tasks", "/api/tasks/1")]
    return reads + [await api(*write) for write in WRITES]


def _says(answer: Answer, code: str) -> bool:
    body = answer.body
    return (answer.status, body["errorCode"], body["outcome"], body["retryable"], answer.headers["Retry-After"]) == (
        503,
        code,
        "not_applied",
        True,
        "1",
    )


@pytest.mark.only_on("sqlite")
async def test_without_the_queue_service_reads_go_on_and_writes_are_not_applied(cluster: Cluster) -> None:
    _, token = await cluster.register()
    admin = Api(cluster.client(0, token))
    task, job = await admin.new_task(), await submitted(admin, "T")
    await cluster.queue.kill()
    assert (await admin.get(f"/api/tasks/{task['id']}")).data == task
    started = time.monotonic()
    assert _says(await admin.post("/api/tasks", {"title": "x"}), "queue_unreachable")
    assert time.monotonic() - started < 14
    assert _says(await admin.get("/api/queue/status"), "queue_unreachable")
    why = await admin.get(f"/api/v1/tasks/{job['id']}/why")
    assert (why.data["reason"], why.data["units"]) == ("queue_unreachable", None)
    ready = await admin.get("/readyz")
    assert (ready.status, ready.body["database"], ready.body["queue"]) == (503, "ok", "queue_unreachable")
    assert (await admin.get("/api/health")).status == 200


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[MySQLServer]:
    """A database server of this test's own, to be stopped."""
    server = MySQLServer(find_or_fetch(), tmp_path / "mysql")
    server.start()
    yield server
    server.stop()


@pytest.mark.only_on("mysql")
async def test_without_the_database_nobody_is_let_in_and_nothing_is_a_500(
    database_kind: str, own_server: MySQLServer, tmp_path: Path
) -> None:
    async with _on(own_server, tmp_path) as cluster:
        _, token = await cluster.register()
        admin, stranger = Api(cluster.client(0, token)), Api(cluster.client())
        task = await admin.new_task()
        own_server.kill()
        login = await stranger.post("/api/auth/login", {"email": "admin@example.com", "password": "password123"})
        for answer in [*await _ask_for_everything(admin), login]:
            assert _says(answer, "database_unavailable"), answer
        assert (await stranger.get("/api/tasks")).status == 401
        assert (await stranger.get("/health/database")).status == 503
        assert (await stranger.get("/api/health")).status == 200
        own_server.start()
        assert (await admin.get(f"/api/tasks/{task['id']}")).data == task


@pytest.mark.only_on("mysql")
async def test_a_database_that_stands_still_holds_no_read_for_longer_than_its_deadline(
    database_kind: str, own_server: MySQLServer, tmp_path: Path
) -> None:
    async with _on(own_server, tmp_path) as cluster:
        _, token = await cluster.register()
        admin = Api(cluster.client(0, token))
        tasks = [await admin.new_task(title=str(number)) for number in range(10)]
        own_server.pause()
        try:
            started = time.monotonic()
            answers = await asyncio.gather(*(admin.get(f"/api/tasks/{task['id']}") for task in tasks))
            assert time.monotonic() - started < READ_DEADLINE_S + 1.5
        finally:
            own_server.resume()
        assert all(_says(answer, "database_unavailable") for answer in answers)
        # a connection that was given up must not hand its late answer to the next read
        again = await asyncio.gather(*(admin.get(f"/api/tasks/{task['id']}") for task in tasks[::-1]))
        assert [answer.data for answer in again] == tasks[::-1]


@asynccontextmanager
async def _on(server: MySQLServer, directory: Path) -> AsyncIterator[Cluster]:
    server.create_database("console")
    migrate.upgrade(server.url("console"))
    async with Cluster(server.url("console"), directory, nodes=1) as cluster:
        yield cluster
