"""Seed 002's table of what becomes of work when things are restarted, crash or fail. There most rows end with "by hand,
or lost"; here every one recovers by itself.

    | scenario                             | seed 002                  | here                    |
    | planned restart, durable store       | recovers                  | costs not even a try    |
    | planned restart, store not durable   | jobs are lost             | nothing of a job is in Redis |
    | crash                                | in part                   | recovers                |
    | the store crashes                    | what was queued is lost   | recovers                |
    | a job fails                          | three tries               | three tries, then a reason |
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.db import migrate
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.mysql_server import MySQLServer
from tests.support.redis_server import RedisServer
from tests.support.unit import Unit
from tests.support.workers import TYPE, a_key, workers

JOBS = 60


async def submit(api: Api, count: int = JOBS) -> None:
    tasks = [{"name": f"job {i}", "taskType": TYPE} for i in range(count)]
    answer = await api.post("/api/v1/tasks/batch", {"tasks": tasks})
    assert [result["status"] for result in answer.data["results"]] == [201] * count


def some_done(database: Database) -> Callable[[], bool]:
    return lambda: bool(database.rows("SELECT 1 FROM job WHERE status = 'COMPLETED'"))


async def all_done(database: Database) -> None:
    ends = "SELECT status, COUNT(*) FROM job GROUP BY status"
    wanted = [("COMPLETED", JOBS)]
    await eventually(lambda: database.rows(ends) == wanted, within_s=60, every_s=0.2, what="every job's end")


def counts(database: Database) -> tuple[Any, ...]:
    """The most attempts, errors and crashes that a job had."""
    [row] = database.rows("SELECT MAX(attempt), MAX(error_count), MAX(crash_count) FROM job")
    return row


async def test_a_planned_restart_costs_no_attempt(cluster: Cluster, database: Database, tmp_path: Path) -> None:
    key, _ = await a_key(cluster)
    await submit(Api(cluster.client(0, key)))
    with workers(cluster, key, tmp_path, 1, work_s=0.5):
        await eventually(some_done(database), within_s=20, what="work being under way")
        for process in (*cluster.nodes, cluster.queue):
            assert await process.stop() == 0
        for process in (cluster.queue, *cluster.nodes):
            process.start()
        await all_done(database)
    assert counts(database) == (1, 0, 0)


@pytest.mark.only_on("sqlite")
async def test_a_redis_that_comes_back_empty_costs_nothing(database: Database, tmp_path: Path) -> None:
    async with (
        RedisServer(tmp_path) as redis,
        Cluster(database.url, tmp_path, nodes=1, REDIS_URL=redis.url) as cluster,
    ):
        key, _ = await a_key(cluster)
        await submit(Api(cluster.client(0, key)))
        with workers(cluster, key, tmp_path, 1, work_s=0.5):
            await eventually(some_done(database), within_s=20, what="work being under way")
            await redis.kill()
            await cluster.queue.stop()
            await redis.start()
            cluster.queue.start()
            await all_done(database)
        assert counts(database) == (1, 0, 0)


async def test_after_a_crash_of_everything_the_work_goes_on(
    cluster: Cluster, database: Database, tmp_path: Path
) -> None:
    key, _ = await a_key(cluster)
    await submit(Api(cluster.client(0, key)))
    with workers(cluster, key, tmp_path, 1, work_s=0.5) as (worker,):
        await eventually(some_done(database), within_s=20, what="work being under way")
        worker.kill()
        await cluster.kill()
        for process in (cluster.queue, *cluster.nodes):
            process.start()
        worker.start()
        await all_done(database)
    attempts, errors, crashes = counts(database)
    assert (errors, crashes) == (0, attempts - 1)
    assert attempts <= 2


@pytest.mark.only_on("mysql")
async def test_when_the_database_crashes_the_work_goes_on(
    durable_server: MySQLServer, tmp_path: Path, database_kind: str
) -> None:
    database = Database("mysql", durable_server.url("crash"))
    migrate.upgrade(database.url)
    async with Cluster(database.url, tmp_path) as cluster:
        key, _ = await a_key(cluster)
        await submit(Api(cluster.client(0, key)))
        with workers(cluster, key, tmp_path, 1, work_s=0.5):
            await eventually(some_done(database), within_s=20, what="work being under way")
            await asyncio.to_thread(durable_server.kill)
            await asyncio.to_thread(durable_server.start)
            await all_done(database)
        assert counts(database)[1:] == (0, 0)


async def test_a_job_that_fails_is_tried_three_times_and_says_why(cluster: Cluster) -> None:
    key, _ = await a_key(cluster)
    api = Api(cluster.client(0, key))
    unit = Unit(api, task_type=TYPE)
    await unit.register()
    backoff = {"type": "fixed", "delayMs": 10, "jitter": False}
    for name in ("recovers", "does not"):
        new = {"name": name, "taskType": TYPE, "backoff": backoff}
        assert (await api.post("/api/v1/tasks", new)).status == 201
    while jobs := await unit.claim(2, wait_s=1.5):
        for job in jobs:
            is_well = job["name"] == "recovers" and job["attempt"] == 3
            said = {"kind": "complete"} if is_well else {"kind": "fail", "error": {"message": f"no {job['attempt']}"}}
            assert await unit.report(job, **said) == {"status": 200}
    ended = [(await api.get(f"/api/v1/tasks/{job_id}")).data for job_id in (1, 2)]
    assert [(job["status"], job["reason"], job["errorCount"]) for job in ended] == [
        ("COMPLETED", None, 2),
        ("FAILED", "attempts_spent", 3),
    ]
    assert [attempt["error"]["message"] for attempt in ended[1]["attempts"]] == ["no 1", "no 2", "no 3"]
