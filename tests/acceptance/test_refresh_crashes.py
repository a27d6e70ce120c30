"""Refreshing while the queue service dies leaves nobody without a token that works. Real processes, both databases."""

import asyncio
from dataclasses import dataclass

from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.eventually import eventually


@dataclass(slots=True)
class Client:
    """Somebody who refreshes again and again, at either node, and asks again with the same token when told to."""

    nodes: tuple[Api, Api]
    token: str
    rotations: int = 0
    doubts: int = 0
    refusal: str = ""

    async def refresh_until(self, over: asyncio.Event) -> None:
        while not over.is_set() and not self.refusal:
            await self.refresh()

    async def refresh(self) -> None:
        answer = await self.nodes[self.rotations % 2].post("/api/auth/refresh", {"refreshToken": self.token})
        if answer.status == 200:
            self.token = answer.data["refreshToken"]
            self.rotations += 1
        elif answer.status == 503:
            self.doubts += 1
        else:
            self.refusal = answer.body["errorCode"]


async def some_more(clients: list[Client]) -> None:
    """Wait for as many more refreshes as there are clients."""

    def done() -> int:
        return sum(client.rotations for client in clients)

    wanted = done() + len(clients)
    await eventually(lambda: done() >= wanted, within_s=30, what="more refreshes")


async def test_kill_9_of_the_queue_service_leaves_nobody_without_a_token(cluster: Cluster) -> None:
    first, second = (Api(cluster.client(node)) for node in (0, 1))
    clients = []
    for number in range(8):
        body = {"email": f"u{number}@example.com", "password": "analytical engine"}
        answer = await first.post("/api/auth/register", body)
        clients.append(Client((first, second), answer.data["refreshToken"]))
    over = asyncio.Event()
    running = [asyncio.create_task(client.refresh_until(over)) for client in clients]
    for _ in range(5):
        await cluster.queue.kill()
        cluster.queue.start()
        await cluster.queue.ready()
        await some_more(clients)
    over.set()
    await asyncio.gather(*running)
    for client in clients:
        # a token may only have been superseded where its refresh was answered with doubt
        assert client.refusal == "" or (client.refusal == "token_superseded" and client.doubts), client
    still_in = [client for client in clients if not client.refusal]
    for client in still_in:
        await client.refresh()
        assert client.refusal == ""
    assert still_in
