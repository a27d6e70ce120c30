"""A queue service that does what a test says, request by request, over real connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from api_node.queue_client import QueueClient, QueueTimes
from shared.clock import SystemClock
from shared.jsonio import dumps, loads

Jobs = list[dict[str, Any]]
Behaviour = Callable[["Forward"], Awaitable[None]]
SHORT = QueueTimes(deadline_s=1.5, connect_s=0.3, silence_s=0.3, stalled_after_s=0.1, pause_s=0.02)
PATIENT = QueueTimes(deadline_s=30, connect_s=10, silence_s=10, stalled_after_s=10, pause_s=0.02)
"""For a test in which nothing is to end by time, however busy the machine."""


@dataclass(slots=True)
class Forward:
    """One request of a node, to be answered line by line."""

    jobs: Jobs
    request: web.Request
    response: web.StreamResponse | None = None

    async def line(self, index: int, **members: Any) -> None:
        """Answer one command; with success where nothing else is said."""
        if self.response is None:
            self.response = web.StreamResponse()
            await self.response.prepare(self.request)
        said = members or {"status": 201, "data": {"key": self.jobs[index]["idempotencyKey"]}, "replayed": False}
        await self.response.write(dumps({"index": index, **said}) + b"\n")

    async def all_lines(self) -> None:
        for index in range(len(self.jobs)):
            await self.line(index)

    def cut(self) -> None:
        """Reset the connection."""
        assert self.request.transport is not None
        self.request.transport.abort()


@dataclass(slots=True)
class MisbehavingQueue:
    """`script`: what to do with the first request, the second, ...; after its end every command succeeds."""

    script: list[Behaviour] = field(default_factory=list)
    seen: list[Jobs] = field(default_factory=list)
    port: int = 0

    @property
    def keys(self) -> list[list[str]]:
        """The idempotency keys of each request, in order."""
        return [[job["idempotencyKey"] for job in jobs] for jobs in self.seen]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        forward = Forward(loads(await request.read())["jobs"], request)
        turn = len(self.seen)
        self.seen.append(forward.jobs)
        if turn < len(self.script):
            await self.script[turn](forward)
        else:
            await forward.all_lines()
        return forward.response or web.Response(status=503)


@asynccontextmanager
async def misbehaving(
    *script: Behaviour, times: QueueTimes = SHORT
) -> AsyncIterator[tuple[MisbehavingQueue, QueueClient]]:
    """The queue and a node's client of it."""
    queue = MisbehavingQueue(list(script))
    app = web.Application()
    app.router.add_post("/api/queue/jobs", queue.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    queue.port = runner.addresses[0][1]
    client = QueueClient(f"http://127.0.0.1:{queue.port}", "secret", SystemClock(), times)
    await client.start()
    try:
        yield queue, client
    finally:
        await client.close()
        await runner.cleanup()


async def silence(_forward: Forward) -> None:
    """Take the request and never answer it (until the client hangs up)."""
    await asyncio.Event().wait()


async def reset(forward: Forward) -> None:
    """Take the request and cut the connection before a word."""
    forward.cut()
