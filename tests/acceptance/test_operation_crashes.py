"""kill -9 between storing a write (202) and applying it: it is applied once, and its outcome can be asked for."""

import asyncio
import uuid
from typing import Any

from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually

ROUNDS = 3
CLIENTS = 24


class Clients:
    """Each puts off one write after the other until it is told to stop, and remembers every 202."""

    def __init__(self, cluster: Cluster, token: str) -> None:
        self._clients = [cluster.client(node, token) for node in range(len(cluster.nodes))]
        self._is_stopping = False
        self.accepted: dict[str, str] = {}

    async def run(self) -> None:
        await asyncio.gather(*(self._put_off(number) for number in range(CLIENTS)))

    def stop(self) -> None:
        self._is_stopping = True

    async def _put_off(self, number: int) -> None:
        client = self._clients[number % len(self._clients)]
        while not self._is_stopping:
            title = uuid.uuid4().hex
            headers = {"Prefer": "respond-async", "Idempotency-Key": title}
            while title not in self.accepted:
                async with client.post("/api/tasks", json={"title": title}, headers=headers) as response:
                    body: dict[str, Any] = await response.json()
                    if response.status == 202:
                        self.accepted[title] = body["data"]["operationId"]
                    else:
                        assert response.status == 503, body


async def test_every_write_that_was_accepted_is_applied_once_after_kill_9(cluster: Cluster, database: Database) -> None:
    _, token = await cluster.register()
    clients = Clients(cluster, token)
    running = asyncio.create_task(clients.run())
    left_waiting = 0
    for _ in range(ROUNDS):
        before = len(clients.accepted)
        await eventually(lambda: len(clients.accepted) > before + 100, within_s=30, what="accepted writes")  # noqa: B023
        await cluster.queue.kill()
        [(waiting,)] = database.rows("SELECT COUNT(*) FROM stored_command WHERE ended_at IS NULL")
        left_waiting += waiting
        cluster.queue.start()
        await cluster.queue.ready()
    clients.stop()
    await asyncio.wait_for(running, 60)
    assert left_waiting > 0, "no kill came between storing and applying"
    await eventually(
        lambda: database.rows("SELECT COUNT(*) FROM stored_command WHERE ended_at IS NULL") == [(0,)],
        within_s=30,
        what="everything applied",
    )
    found = database.rows("SELECT title, version FROM task_table")
    assert sorted(found) == sorted((title, 1) for title in clients.accepted)
    reader = cluster.client(0, token)
    for title, operation in list(clients.accepted.items())[:: max(1, len(clients.accepted) // 50)]:
        async with reader.get(f"/api/operations/{operation}") as response:
            told = (await response.json())["data"]
        assert (told["status"], told["result"]["title"]) == ("applied", title)
