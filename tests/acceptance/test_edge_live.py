"""Live events through the real Caddy in front of two real nodes: what a browser sees."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from cli.child import Child, ChildSpec
from cli.cluster import CADDYFILE, find_caddy
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.live import a_ticket, address, listening
from tests.support.loopback import free_port
from tests.support.raw_http import RawConnection

pytestmark = pytest.mark.only_on("sqlite")


@dataclass(frozen=True, slots=True)
class Edge:
    """A running Caddy over the nodes of a cluster."""

    port: int
    process: Child
    printed: list[str]


@asynccontextmanager
async def edge_over(cluster: Cluster, folder: Path) -> AsyncIterator[Edge]:
    port = free_port()
    environ = {
        **os.environ,
        "EDGE_PORT": str(port),
        "EDGE_METRICS_PORT": str(free_port()),
        "EDGE_GRACE": "3s",
        "API_UPSTREAMS": " ".join(f"127.0.0.1:{node.port}" for node in cluster.nodes),
        "LIVE_UPSTREAMS": " ".join(f"tcp/127.0.0.1:{node.port}" for node in cluster.nodes),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    caddy = find_caddy(os.environ.get("PATH"))
    assert caddy, "caddy is a locked dependency: run `make setup`"
    printed: list[str] = []
    command = (caddy, "run", "--config", str(CADDYFILE), "--adapter", "caddyfile")
    process = await Child.start(ChildSpec("edge", command, environ), printed.append)

    def serves() -> bool:
        with RawConnection(port) as connection:
            connection.send(b"GET /api/health HTTP/1.1\r\nHost: a\r\n\r\n")
            return connection.answer().status == 200

    try:
        await eventually(lambda: asyncio.to_thread(serves), within_s=20)
        yield Edge(port, process, printed)
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def edge(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Edge]:
    async with edge_over(cluster, tmp_path) as running:
        yield running


async def test_the_edge_passes_it_on_and_a_page_from_the_edge_is_one_of_ours(cluster: Cluster, edge: Edge) -> None:
    _, token = await cluster.register()
    ours = Origin(f"http://127.0.0.1:{edge.port}")
    async with listening(cluster.nodes[0], token, port=edge.port, origin=ours) as live:
        task = await Api(cluster.client(1, token)).new_task()
        assert (await live.message())["id"] == task["id"]
    ticket = await a_ticket(cluster.nodes[0], token)
    with pytest.raises(InvalidStatus) as caught:
        async with connect(address(edge.port, ticket), origin=Origin("https://evil.example"), proxy=None):
            pass
    assert caught.value.response.status_code == 403


async def test_a_page_of_another_site_may_connect_if_the_settings_say_so(database: Database, tmp_path: Path) -> None:
    allowed = "https://pages.example.com"
    async with Cluster(database.url, tmp_path, nodes=1, CORS_ORIGINS=f"https://a.example, {allowed}") as cluster:
        _, token = await cluster.register()
        async with listening(cluster.nodes[0], token, origin=Origin(allowed)) as live:
            assert live.hello["type"] == "hello"


async def test_after_the_death_of_a_node_the_edge_leads_to_the_other_one_where_nothing_is_missed(
    cluster: Cluster, edge: Edge
) -> None:
    _, token = await cluster.register()
    made = []
    async with listening(cluster.nodes[0], token, port=edge.port) as live:
        position = live.hello["position"]
        # whichever node it is at
        text = [(await Api(cluster.client(n, token)).get("/metrics")).raw.decode() for n in (0, 1)]
        at = ["console_live_connections 1.0" in one for one in text].index(True)
        await cluster.nodes[at].kill()
        await live.socket.wait_closed()
    made += [(await Api(cluster.client(1 - at, token)).new_task())["id"] for _ in range(3)]
    async with listening(cluster.nodes[1 - at], token, position, port=edge.port) as live:
        assert [m["id"] for m in await live.messages(3)] == made


async def test_open_websockets_do_not_draw_requests_to_one_node(cluster: Cluster, edge: Edge) -> None:
    _, token = await cluster.register()

    async def served(node: int) -> float:
        text = (await Api(cluster.client(node, token)).get("/metrics")).raw.decode()
        wanted = 'console_http_requests_total{method="GET",route="/livez",status="200"}'
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(wanted))

    await cluster.nodes[1].stop()
    async with AsyncExitStack() as stack:
        for _ in range(8):
            await stack.enter_async_context(listening(cluster.nodes[0], token, port=edge.port))
        cluster.nodes[1].start()
        await cluster.nodes[1].ready()

        async def is_shared() -> bool:
            before = [await served(node) for node in (0, 1)]
            await asyncio.to_thread(ask, edge.port, 20)
            shares = [await served(node) - earlier for node, earlier in zip((0, 1), before, strict=True)]
            assert sum(shares) == 20
            return min(shares) >= 5

        await eventually(is_shared, every_s=0.3, what="requests going to both nodes")


async def test_a_stop_of_the_edge_does_not_wait_for_websockets(cluster: Cluster, edge: Edge) -> None:
    _, token = await cluster.register()
    async with listening(cluster.nodes[0], token, port=edge.port) as live:
        started = time.monotonic()
        edge.process.terminate()
        await live.closed(10)
        await edge.process.wait()
        assert time.monotonic() - started < 4


def ask(port: int, times: int) -> None:
    with RawConnection(port) as connection:
        for _ in range(times):
            connection.send(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.answer().status == 200
