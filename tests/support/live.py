"""A client of the live events: gets itself a ticket, opens the WebSocket, reads what comes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect

from tests.support.cluster import Process

Message = dict[str, Any]


async def a_ticket(node: Process, token: str) -> str:
    """A ticket, given out by this node to whoever holds the token."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(node.url, headers=headers) as http,
        http.post("/api/ws/ticket") as response,
    ):
        body = await response.json()
        assert response.status == 201, body
        ticket: str = body["data"]["ticket"]
        return ticket


def address(port: int, ticket: str, since: str | None = None) -> str:
    """Where to open it."""
    return f"ws://127.0.0.1:{port}/api/ws?ticket={ticket}" + (f"&since={since}" if since else "")


@asynccontextmanager
async def listening(
    node: Process, token: str, since: str | None = None, *, port: int | None = None, **options: Any
) -> AsyncIterator["Listener"]:
    """An open WebSocket, past its hello. `port` is where it is opened, if not at the node itself."""
    ticket = await a_ticket(node, token)
    async with connect(address(port or node.port, ticket, since), compression=None, proxy=None, **options) as socket:
        listener = Listener(socket)
        listener.hello = await listener.message()
        assert listener.hello["type"] == "hello"
        yield listener


class Listener:
    """One open WebSocket. `position` is where a successor would go on."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.hello: Message = {}
        self.position = ""

    async def message(self, within_s: float = 10.0) -> Message:
        """The next message."""
        message: Message = json.loads(await asyncio.wait_for(self.socket.recv(), within_s))
        self.position = message["position"]
        return message

    async def messages(self, count: int) -> list[Message]:
        return [await self.message() for _ in range(count)]

    async def closed(self, within_s: float = 10.0) -> int:
        """The code it is closed with, whatever still comes before."""
        await asyncio.wait_for(self.socket.wait_closed(), within_s)
        code = self.socket.close_code
        assert code is not None
        return code
