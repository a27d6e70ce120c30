"""Live events while processes die, rights are lost and clients do not read. Real processes, both databases."""

import asyncio
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from api_node.live.limits import LiveLimits
from shared.http.websocket import CLOSE_S
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.live import Listener, Message, listening
from tests.support.raw_http import resident_bytes

MIB = 1 << 20
NOTICED_WITHIN_S = 3.0
SLACK_S = 1.0
"""What a busy test machine may add."""


async def until(live: Listener, task_id: int) -> list[Message]:
    """Everything that comes, up to this task's event."""
    seen = [await live.message(30)]
    while seen[-1].get("id") != task_id:
        seen.append(await live.message(30))
    return seen


async def test_a_node_that_dies_costs_its_clients_a_new_connection_and_no_event(cluster: Cluster) -> None:
    _, token = await cluster.register()
    admin = Api(cluster.client(1, token))
    made: list[int] = []

    async def work() -> None:
        while True:
            made.append((await admin.new_task())["id"])

    seen: list[Message] = []
    async with listening(cluster.nodes[0], token) as live:
        working = asyncio.create_task(work())
        seen += [await live.message() for _ in range(20)]
        await cluster.nodes[0].kill()
        await live.socket.wait_closed()
        position = live.position
    await eventually(lambda: len(made) > 60, what="writes that nobody was told of yet")
    async with listening(cluster.nodes[1], token, position) as live:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        last = await admin.new_task()
        seen += await until(live, last["id"])
    assert [m["type"] for m in seen] == ["task.created"] * len(seen)
    # what was cancelled in mid-request may have been made, too
    assert [m["id"] for m in seen] == sorted({*made, last["id"], *(m["id"] for m in seen)})
    assert len({m["id"] for m in seen}) == len(seen) > 60


async def test_events_go_on_over_a_death_of_the_queue_service(cluster: Cluster) -> None:
    _, token = await cluster.register()
    admin = Api(cluster.client(1, token))
    async with listening(cluster.nodes[0], token) as live:
        made = [(await admin.new_task())["id"]]
        await cluster.queue.kill()
        cluster.queue.start()
        await cluster.queue.ready()
        made += [(await admin.new_task())["id"] for _ in range(3)]
        seen = await until(live, made[-1])
        assert [m["id"] for m in seen] == made
        assert seen[-1]["position"].split(".")[0] > seen[0]["position"].split(".")[0], "another leader wrote it"


async def test_a_node_that_was_just_started_knows_what_was_before_it(cluster: Cluster) -> None:
    _, token = await cluster.register()
    admin = Api(cluster.client(1, token))
    async with listening(cluster.nodes[0], token) as live:
        since = live.hello["position"]
    made = [(await admin.new_task())["id"] for _ in range(3)]
    await cluster.nodes[0].stop()
    cluster.nodes[0].start()
    await cluster.nodes[0].ready()
    async with listening(cluster.nodes[0], token, since) as live:
        assert [m["id"] for m in await live.messages(3)] == made


async def test_a_stop_says_so_at_once_and_waits_for_nobody(cluster: Cluster) -> None:
    _, token = await cluster.register()
    node = cluster.nodes[0]
    async with listening(node, token) as first, listening(node, token) as second, deaf(node.port, token, cluster):
        started = time.monotonic()
        node.signal(signal.SIGTERM)
        assert [await live.closed(5) for live in (first, second)] == [1001, 1001]
        assert time.monotonic() - started < 1 + SLACK_S
        assert await node.wait() == 0
        assert time.monotonic() - started < CLOSE_S + 2 * SLACK_S


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE user_table SET deletedAt = createdAt WHERE id = :user",
        "UPDATE user_table SET session_epoch = session_epoch + 1 WHERE id = :user",
        "UPDATE user_session SET ended_at = created_at WHERE user_id = :user",
        "UPDATE user_session SET expires_at = created_at WHERE user_id = :user",
    ],
    ids=["deleted", "signed out everywhere", "session ended", "session expired"],
)
async def test_who_is_no_longer_signed_in_is_sent_away(cluster: Cluster, database: Database, sql: str) -> None:
    await cluster.register()
    user_id, token = await cluster.register("b@example.com")
    async with listening(cluster.nodes[0], token) as live:
        # past the queue service, so that no event tells the node: it has to look
        await asyncio.to_thread(database.rows, sql, user=user_id)
        started = time.monotonic()
        assert await live.closed() == 4401
        assert time.monotonic() - started < NOTICED_WITHIN_S + SLACK_S


async def test_who_signs_out_is_sent_away_by_the_event_not_by_the_clock(cluster: Cluster) -> None:
    _, token = await cluster.register()
    async with listening(cluster.nodes[0], token) as live:
        started = time.monotonic()
        answer = await Api(cluster.client(1, token)).post("/api/auth/logout", {})
        assert answer.status == 200, answer
        assert await live.closed() == 4401
        assert time.monotonic() - started < 1 + SLACK_S


async def test_a_demoted_administrator_reads_the_board_anew_and_sees_no_more_than_is_theirs(
    cluster: Cluster, database: Database
) -> None:
    user_id, token = await cluster.register()
    _, other = await cluster.register("b@example.com")
    set_role = "UPDATE user_table SET role_id = :role WHERE id = :user"
    await asyncio.to_thread(database.rows, "UPDATE user_table SET role_id = 1")
    async with listening(cluster.nodes[0], token) as live:
        await asyncio.to_thread(database.rows, set_role, role=2, user=user_id)
        started = time.monotonic()
        assert (await live.message())["type"] == "gap"
        assert time.monotonic() - started < NOTICED_WITHIN_S + SLACK_S
        admin = Api(cluster.client(1, other))
        await admin.new_task(title="not theirs any more")
        mine = await admin.new_task(assignedToUserId=user_id)
        assert (await live.message())["id"] == mine["id"]


async def test_clients_that_do_not_read_cost_no_memory_and_are_told_or_sent_away(
    database: Database, tmp_path: Path
) -> None:
    async with Cluster(database.url, tmp_path, nodes=1, QUEUE_BATCH_SIZE="500") as cluster:
        admin_id, token = await cluster.register()
        node = cluster.nodes[0]
        slow = [deaf(node.port, token, cluster) for _ in range(LiveLimits().a_person - 2)]
        listeners = [await one.__aenter__() for one in slow]
        try:
            async with listening(node, token) as quick:
                last = await many_tasks(cluster, admin_id, 2_000)
                await until(quick, last)
                before = resident_bytes(node.pid)
                last = await many_tasks(cluster, admin_id, 11_000)
                seen = await until(quick, last)
                assert {m["type"] for m in seen} == {"task.created"}, "who reads is told everything"
            # the ring fills up to its 10,000; each of those who do not read would hold as many again
            assert resident_bytes(node.pid) - before < 40 * MIB
            await asyncio.gather(*(is_told_or_sent_away(live) for live in listeners))
        finally:
            for one in slow:
                await one.__aexit__(None, None, None)


def deaf(port: int, token: str, cluster: Cluster) -> Any:
    """A client that opens a WebSocket and then takes hardly anything of what comes."""
    narrow = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    narrow.connect(("127.0.0.1", port))
    return listening(cluster.nodes[0], token, sock=narrow, max_queue=1, ping_interval=None, close_timeout=0.1)


async def is_told_or_sent_away(live: Listener) -> None:
    try:
        while (await live.message(30))["type"] != "gap":
            pass
    except ConnectionClosed:
        assert live.socket.close_code in (1006, 1013)


async def many_tasks(cluster: Cluster, creator: int, count: int) -> int:
    """So many new tasks, fast; the id of one that was made after all the others."""
    client = cluster.queue_client()
    one = {"type": "create-task", "data": {"title": "one of many", "createdByUserId": creator}}
    for _ in range(count // 500):
        async with client.post("/api/queue/jobs", json={"jobs": [one] * 500}) as response:
            assert response.status == 200
            await response.read()
    async with client.post("/api/queue/job", json=one) as response:
        made: int = (await response.json())["data"]["id"]
        return made
