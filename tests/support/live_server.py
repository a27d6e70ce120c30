"""The live events' last part behind our HTTP server, as a process of its own with shortened limits: one WebSocket at
`/live` that tells of as many events as anybody can take, and one at `/idle` that tells of nothing.

`python -m tests.support.live_server PORT '{"ping_s": 0.3, ...}' '{"send_s": 0.4, ...}'`: members of HttpLimits, and of
LiveLimits.
"""

import json
import sys

import uvloop
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from api_node.live.connection import Connection
from api_node.live.event import LiveEvent, from_wire
from api_node.live.limits import LiveLimits
from api_node.live.metrics import LiveMetrics
from shared.events import EventRing
from shared.http.limits import HttpLimits
from shared.http.serve import listen, serve
from tests.support.people import administrator

VIEWER = administrator()


def build_app(limits: LiveLimits) -> Starlette:
    metrics = LiveMetrics(CollectorRegistry())
    full: EventRing[LiveEvent] = EventRing()
    full.keep(
        [
            ((1, seq), from_wire((1, seq), {"type": "task.created", "entity": "task", "id": seq}))
            for seq in range(1, 10_001)
        ]
    )
    empty: EventRing[LiveEvent] = EventRing()
    open_now: list[WebSocket] = []

    async def serve_one(websocket: WebSocket, ring: EventRing[LiveEvent]) -> None:
        await websocket.accept()
        open_now.append(websocket)
        connection = Connection(websocket, 1, VIEWER, believed_at=0.0, limits=limits, metrics=metrics)
        try:
            await connection.serve(ring, (0, 0))
        finally:
            open_now.remove(websocket)

    async def live(websocket: WebSocket) -> None:
        await serve_one(websocket, full)

    async def idle(websocket: WebSocket) -> None:
        await serve_one(websocket, empty)

    async def count(request: Request) -> Response:
        return PlainTextResponse(str(len(open_now)))

    return Starlette(routes=[WebSocketRoute("/live", live), WebSocketRoute("/idle", idle), Route("/open", count)])


async def main(port: int, http: HttpLimits, live: LiveLimits) -> None:
    listener = listen("127.0.0.1", port)
    await serve(build_app(live), listener, on_stop=lambda: None, limits=http, sockets=("/live", "/idle"))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), HttpLimits(**json.loads(sys.argv[2])), LiveLimits(**json.loads(sys.argv[3]))))
