"""The real Caddy with our Caddyfile over two stand-in nodes."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from cli.child import Child, ChildSpec
from cli.cluster import CADDYFILE, find_caddy
from tests.acceptance.edge_node import Node
from tests.support.eventually import eventually
from tests.support.loopback import free_port


@dataclass
class Edge:
    """The running edge and what is behind it; `printed` is each line it wrote so far."""

    nodes: list[Node]
    client: aiohttp.ClientSession
    port: int
    metrics_port: int
    printed: list[str]

    async def ask(self, path: str, method: str = "GET", **options: object) -> tuple[int, str]:
        async with self.client.request(method, path, **options) as response:  # type: ignore[arg-type]
            return response.status, await response.text()

    async def is_up(self) -> bool:
        return (await self.ask("/api/health"))[0] == 200

    def seen(self, path: str) -> int:
        return sum(node.requests.count(path) for node in self.nodes)


def caddy_program() -> str:
    """The path of the Caddy that was installed with us."""
    found = find_caddy(os.environ.get("PATH"))
    assert found, "caddy is a locked dependency: run `make setup`"
    return found


@asynccontextmanager
async def running_edge(folder: Path, **settings: str) -> AsyncIterator[Edge]:
    """The edge over two nodes, on free ports, with its state in `folder` and more of its environment in `settings`."""
    printed: list[str] = []
    nodes = [Node(free_port()), Node(free_port())]
    for node in nodes:
        await node.start()
    port, metrics_port = free_port(), free_port()
    environ = {
        **os.environ,
        "EDGE_PORT": str(port),
        "EDGE_METRICS_PORT": str(metrics_port),
        "EDGE_READ_BODY": "1s",
        "API_UPSTREAMS": " ".join(f"127.0.0.1:{node.port}" for node in nodes),
        "LIVE_UPSTREAMS": " ".join(f"tcp/127.0.0.1:{node.port}" for node in nodes),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        **settings,
    }
    command = (caddy_program(), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile")
    caddy = await Child.start(ChildSpec("edge", command, environ), printed.append)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=aiohttp.ClientTimeout(20)) as client:
            running = Edge(nodes, client, port, metrics_port, printed)
            await eventually(running.is_up)
            yield running
    finally:
        caddy.terminate()
        await caddy.wait()
        for node in nodes:
            await node.stop()
