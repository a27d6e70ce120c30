"""The smallest app behind our HTTP server, as a process of its own with shortened limits.

`python -m tests.support.tiny_server PORT '{"head_s": 0.3, ...}'`; `body_s` sets the deadline of a body.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator

import uvloop
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from shared.clock import SystemClock
from shared.http.body import read_body
from shared.http.context import HttpMetrics, RequestContext
from shared.http.limits import HttpLimits
from shared.http.serve import listen, serve

LARGE = 16 << 20


def build_app(body_s: float) -> Starlette:
    clock = SystemClock()
    slow_may_answer = asyncio.Event()
    open_streams: list[Request] = []

    async def echo(request: Request) -> Response:
        body = await read_body(request, deadline_s=body_s)
        return PlainTextResponse(body, headers={"X-Trailer": request.headers.get("x-trailer", "none")})

    async def slow(request: Request) -> Response:
        await slow_may_answer.wait()
        slow_may_answer.clear()
        return PlainTextResponse("slow")

    async def release(request: Request) -> Response:
        slow_may_answer.set()
        return PlainTextResponse("released")

    async def hello(request: Request) -> Response:
        return PlainTextResponse(f"hello {request.query_params.get('n', '')}")

    async def large(request: Request) -> Response:
        return PlainTextResponse(b"x" * LARGE)

    async def endless(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            open_streams.append(request)
            try:
                while True:
                    yield b"x" * 65_536
                    await clock.sleep(0)  # let the loop see that the client is gone
            finally:
                open_streams.remove(request)

        return StreamingResponse(chunks())

    async def streams(request: Request) -> Response:
        return PlainTextResponse(str(len(open_streams)))

    return Starlette(
        routes=[
            Route("/endless", endless),
            Route("/streams", streams),
            Route("/", hello, methods=["GET", "POST"]),
            Route("/echo", echo, methods=["POST"]),
            Route("/slow", slow),
            Route("/release", release),
            Route("/large", large),
        ],
        middleware=[
            Middleware(
                RequestContext,
                clock=clock,
                default_language="en",
                metrics=HttpMetrics(CollectorRegistry()),
                logs_requests=False,
            )
        ],
    )


async def main(port: int, body_s: float, limits: HttpLimits) -> None:
    await serve(build_app(body_s), listen("127.0.0.1", port), on_stop=lambda: None, limits=limits)


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    uvloop.run(main(int(sys.argv[1]), given.pop("body_s", 30.0), HttpLimits(**given)))
