"""Units, nodes and the queue service die while they work off jobs: none is lost, none finished twice, none stuck. Real
processes, both databases."""

import asyncio
import random
import signal
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.unit import Unit
from tests.support.workers import TYPE, Worker, a_key, workers

CHUNK = 100


@pytest.fixture
def amount(request: pytest.FixtureRequest) -> int:
    """How many jobs: 2,000, and 50,000 with `make campaign`."""
    return 50_000 if request.config.getoption("--campaign") else 2_000


async def submit_all(cluster: Cluster, key: str, amount: int) -> None:
    """Submit jobs in chunks, each under a key, until each is answered."""
    for number in range(amount // CHUNK):
        tasks = [{"name": f"{number}.{i}", "taskType": TYPE} for i in range(CHUNK)]
        headers = {"Idempotency-Key": f"chunk-{number}"}

        async def is_accepted(number: int = number, tasks: Any = tasks, headers: Any = headers) -> bool:
            http = cluster.client(number % len(cluster.nodes), key)
            async with http.post("/api/v1/tasks/batch", json={"tasks": tasks}, headers=headers) as response:
                results = (await response.json())["data"]["results"]
                return all(result["status"] == 201 for result in results)

        await eventually(is_accepted, within_s=60, every_s=0.1, what=f"chunk {number} being accepted")


async def disturb(cluster: Cluster, started: list[Worker], rounds: int) -> None:
    """Kill one process after the other, each by kill -9, and start it again."""
    chance = random.Random(5)
    for number in range(rounds):
        await asyncio.sleep(chance.uniform(0.3, 1.0))
        if number % 3 == 0:
            await cluster.queue.kill()
            cluster.queue.start()
        elif number % 3 == 1:
            node = chance.choice(cluster.nodes)
            await node.kill()
            node.start()
        else:
            worker = chance.choice(started)
            worker.kill()
            worker.start()


async def test_kill_9_of_anything_loses_no_job_finishes_none_twice_and_leaves_none_stuck(
    cluster: Cluster, database: Database, tmp_path: Path, amount: int
) -> None:
    key, _ = await a_key(cluster)
    with workers(cluster, key, tmp_path, 3) as started:
        disturbing = asyncio.create_task(disturb(cluster, started, rounds=9 if amount <= 2_000 else 60))
        await submit_all(cluster, key, amount)
        await disturbing
        ends = "SELECT status, COUNT(*) FROM job GROUP BY status"
        await eventually(
            lambda: database.rows(ends) == [("COMPLETED", amount)], within_s=120, every_s=0.5, what="every job's end"
        )
        began = [words for worker in started for words in worker.said("began")]
        completed = [words[:2] for worker in started for words in worker.said("ended") if words[2] == "200"]
    # nobody who did not complete a job was told so, and nobody was twice; whose answer was lost was told nothing
    by_row = {(str(job_id), str(attempt)) for job_id, attempt in database.rows("SELECT id, attempt FROM job")}
    assert len(completed) == len(set(completed))
    assert set(completed) <= by_row
    assert database.rows("SELECT * FROM job_attempt WHERE outcome = 'completed'") == []
    # an attempt is one unit's alone
    assert len(began) == len(set(began)) >= amount


@pytest.mark.only_on("sqlite")
async def test_a_unit_that_wakes_up_after_its_lease_changes_nothing(
    cluster: Cluster, database: Database, tmp_path: Path
) -> None:
    key, _ = await a_key(cluster)
    api = Api(cluster.client(0, key))
    with workers(cluster, key, tmp_path, 1, work_s=1) as (sleeper,):
        await api.post("/api/v1/tasks", {"name": "a job", "taskType": TYPE, "timeoutS": 600})
        await eventually(lambda: sleeper.said("began") == [("1", "1")], what="the attempt")
        sleeper.send(signal.SIGSTOP)
        other = Unit(api, task_type=TYPE)
        await other.register()
        # it sleeps past its lease: no beat for more than 30 s
        gone = "SELECT status, crash_count FROM job"
        await eventually(lambda: database.rows(gone) == [("PENDING", 1)], within_s=45, every_s=0.5, what="the rescue")
        await other.beat()
        [job] = await other.claim(wait_s=10)
        assert job["attempt"] == 2
        sleeper.send(signal.SIGCONT)
        await eventually(lambda: sleeper.said("ended") == [("1", "1", "409")], within_s=20, what="the late report")
        assert database.rows("SELECT status, attempt FROM job") == [("RUNNING", 2)]
        assert await other.report(job, "complete") == {"status": 200}
    assert database.rows("SELECT attempt, outcome FROM job_attempt") == [(1, "crashed")]
    assert database.rows("SELECT attempt, outcome FROM job") == [(2, "completed")]


async def test_a_unit_that_dies_while_its_long_poll_waits_is_given_nothing(
    cluster: Cluster, database: Database, tmp_path: Path
) -> None:
    key, _ = await a_key(cluster)
    api = Api(cluster.client(0, key))
    unit = Unit(api, task_type=TYPE)
    await unit.register()
    wish = {"max": 1, "waitS": 30, "claimId": uuid.uuid4().hex}
    async with aiohttp.ClientSession(cluster.nodes[1].url, headers={"Authorization": f"Bearer {key}"}) as dying:
        asked = asyncio.create_task(dying.post(f"/api/v1/execution-units/{unit.id}/claim", json=wish))
        queue = cluster.queue_client()

        async def waiting() -> int:
            async with queue.get("/api/queue/status") as response:
                number: int = (await response.json())["data"]["engine"]["claimsWaiting"]
                return number

        await eventually(waiting, what="the claim waiting")
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

        async def is_gone() -> bool:
            return await waiting() == 0

        await eventually(is_gone, what="the claim being gone")
    submitted = await api.post("/api/v1/tasks", {"name": "a job", "taskType": TYPE})
    assert (submitted.data["status"], submitted.data["attempt"]) == ("PENDING", 0)
