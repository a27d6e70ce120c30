"""The internal door as real processes serve it: status, one job, many jobs streamed, the event stream, its end."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.cluster import Cluster, Process
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.locks import holding
from tests.support.loopback import free_port


@pytest.fixture
async def queue(database: Database, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A queue service alone."""
    async with Cluster(database.url, tmp_path, nodes=0) as running:
        yield running


A_HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$not-a-real-hash"


def new_user(email: str, **more: Any) -> dict[str, Any]:
    return {"type": "register-user", "data": {"email": email, "passwordHash": A_HASH}, **more}


def new_task(title: str, **more: Any) -> dict[str, Any]:
    return {"type": "create-task", "data": {"title": title, "createdByUserId": 1}, **more}


async def post(client: aiohttp.ClientSession, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    async with client.post(path, json=body) as response:
        return response.status, await response.json()


async def lines(client: aiohttp.ClientSession, jobs: list[Any]) -> list[dict[str, Any]]:
    async with client.post("/api/queue/jobs", json={"jobs": jobs}) as response:
        assert response.status == 200
        return [json.loads(line) async for line in response.content]


async def test_the_status_tells_what_an_operator_asks(queue: Cluster) -> None:
    client = queue.queue_client()
    await post(client, "/api/queue/job", new_user("a@example.com"))
    async with client.get("/api/queue/status") as response:
        body = await response.json()
    data = body["data"]
    assert body["success"] is True
    assert (data["queueLength"], data["processing"]) == (0, False)
    assert [lane["name"] for lane in data["lanes"]] == ["access", "board-0", "board-1", "engine-0", "engine-1"]
    assert data["engine"] == {"unitsOnline": 0, "claimsWaiting": 0, "leases": 0}
    assert data["flush"] == {"policy": "adaptive", "batchSize": 10, "intervalMs": 100}
    assert data["recentBatches"]["largest"] == 1
    assert data["recentBatches"]["commitP50Ms"] > 0
    assert (data["replays"], data["splits"], data["epoch"]) == (0, 0, 1)
    assert data["durability"] in ("strict", "relaxed")
    assert 0 <= data["uptimeS"] < 60


async def test_every_job_of_a_forward_is_answered_in_its_own_line(queue: Cluster) -> None:
    client = queue.queue_client()
    await post(client, "/api/queue/job", new_user("a@example.com"))
    jobs: list[Any] = [
        new_task("one"),
        {"type": "no-such-command", "data": {}},
        {"type": "create-task", "data": {"title": ""}},
        "not an object",
        new_task("two", idempotencyKey="k"),
        {"type": "create-task", "data": {"title": "x"}, "actor": {"anonymous": "/api/auth/register"}},
    ]
    by_index = {line["index"]: line for line in await lines(client, jobs)}
    assert [by_index[i]["status"] for i in range(6)] == [201, 422, 422, 422, 201, 403]
    assert by_index[2]["error"]["errors"][0]["field"] == "data.title"
    assert by_index[4]["data"]["title"] == "two"
    [again] = await lines(client, [new_task("two", idempotencyKey="k")])
    assert again["replayed"] is True
    assert again["data"] == by_index[4]["data"]


@pytest.mark.parametrize("body", [{}, {"jobs": []}, {"jobs": "x"}, [], {"jobs": [{}] * 501}])
async def test_a_forward_that_is_no_list_of_jobs_is_refused_whole(queue: Cluster, body: Any) -> None:
    status, answer = await post(queue.queue_client(), "/api/queue/jobs", body)
    assert (status, answer["errorCode"]) == (422, "validation_failed")
    assert answer["errors"][0]["field"] == "jobs"


@pytest.mark.only_on("mysql")
async def test_a_slow_lane_holds_up_nobody_else(queue: Cluster, database: Database) -> None:
    client = queue.queue_client()
    await post(client, "/api/queue/job", new_user("a@example.com"))
    tasks = [(await post(client, "/api/queue/job", new_task(f"t{i}")))[1]["data"]["id"] for i in range(2)]
    async with holding(database, "SELECT id FROM task_table WHERE id = %s FOR UPDATE", tasks[0]):
        jobs = [{"type": "update-task", "data": {"taskId": t, "updates": {"tag": "x"}}} for t in tasks]
        async with client.post("/api/queue/jobs", json={"jobs": [*jobs, new_user("b@example.com")]}) as response:
            first = [json.loads(await response.content.readline()) for _ in range(2)]
            assert {line["index"] for line in first} == {1, 2}
    # the lock is gone: its command may still win within its replays, or was refused; either way it is answered


async def test_events_tell_every_committed_change_once_and_resume_over_a_restart(queue: Cluster) -> None:
    client = queue.queue_client()
    seen: list[dict[str, Any]] = []
    async with client.get("/internal/events") as stream:
        start = json.loads(await stream.content.readline())["seq"]
        await post(client, "/api/queue/job", new_user("a@example.com"))
        await post(client, "/api/queue/job", new_task("one"))
        await post(client, "/api/queue/job", {"type": "delete-task", "data": {"taskId": 99}})
        while len(seen) < 2:
            line = json.loads(await stream.content.readline())
            seen += [] if "beat" in line else [line]
    await post(client, "/api/queue/job", {"type": "delete-task", "data": {"taskId": 1}})
    await queue.queue.kill()
    queue.queue.start()
    await queue.queue.ready()
    await post(client, "/api/queue/job", new_task("two"))
    assert [event["type"] for event in seen] == ["user.created", "task.created"]
    assert (seen[1]["id"], seen[1]["version"], seen[1]["departmentId"]) == (1, 1, 1)
    later = await follow(client, seen[-1]["seq"], 2)
    assert [event["type"] for event in later] == ["task.deleted", "task.created"]
    whole = await follow(client, start, 4)
    assert [event["seq"] for event in whole] == [event["seq"] for event in (*seen, *later)]


async def follow(client: aiohttp.ClientSession, since: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with client.get("/internal/events", params={"since": since}) as stream:
        while len(found) < count:
            line = json.loads(await asyncio.wait_for(stream.content.readline(), 10))
            found += [] if "beat" in line else [line]
    return found


async def test_a_position_that_is_not_kept_is_a_gap_and_a_malformed_one_is_refused(queue: Cluster) -> None:
    client = queue.queue_client()
    assert [line["gap"] for line in await follow(client, "77.5", 1)] == [True]
    for wrong in ("x", "1", "1.x", "-1.2", "1.2.3", "9" * 50):
        async with client.get("/internal/events", params={"since": wrong}) as response:
            assert response.status == 422, wrong


async def test_a_stop_does_not_wait_for_followers(queue: Cluster) -> None:
    client = queue.queue_client()
    async with client.get("/internal/events") as stream:
        await stream.content.readline()
        assert await asyncio.wait_for(queue.queue.stop(), 5) == 0
        assert await asyncio.wait_for(stream.content.read(), 5) is not None


async def test_a_second_queue_service_on_the_same_database_does_not_start(
    queue: Cluster, database: Database, tmp_path: Path
) -> None:
    port = free_port()
    second = Process("queue_service", port, queue.queue._env | {"QUEUE_PORT": str(port)}, tmp_path / "second.log")
    second.start()
    assert await second.wait() == 1
    assert ("is the queue service of" if database.kind == "sqlite" else "leads this database") in second.log
    status, _ = await post(queue.queue_client(), "/api/queue/job", new_user("a@example.com"))
    assert status == 201


async def test_metrics_count_what_happened(queue: Cluster) -> None:
    client = queue.queue_client()
    await post(client, "/api/queue/job", new_user("a@example.com"))
    await post(client, "/api/queue/job", new_user("a@example.com"))

    async def text() -> str:
        async with client.get("/metrics") as response:
            return await response.text()

    said = await eventually(text)
    assert 'console_commands_total{code="ok",type="register-user"} 1.0' in said
    assert 'console_commands_total{code="email_taken",type="register-user"} 1.0' in said
    assert "console_batch_commands_count 2.0" in said
