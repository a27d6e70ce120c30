"""Running an ASGI app until SIGTERM or SIGINT: listen first, start, stop cleanly."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from shared.http.limits import HttpLimits
from shared.http.protocol import HardenedProtocol
from shared.http.websocket import HardenedSocket

BACKLOG = 2048
GRACE_S = 13
"""Time for requests under way after a stop: a node's own deadline for a write and a little more."""


class PortTaken(Exception):
    """Somebody listens there already; the message says where."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. From here on clients wait in the backlog instead of being refused."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(found[0], socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(found[4])
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTaken(f"cannot listen on {host} port {port}: {error.strerror}. Another program may have it") from None
    listener.setblocking(False)
    return listener


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again after the shutdown, and the process would not exit 0
        yield


async def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    on_stop: Callable[[], None],
    limits: HttpLimits | None = None,
    sockets: Collection[str] = (),
) -> None:
    """Serve until a stop signal: `on_stop` is called at once, the listener closes, requests under way finish (within
    GRACE_S), and this returns. `limits` None: the published ones. `sockets` are the paths that take a WebSocket."""
    limits = limits or HttpLimits()
    config = uvicorn.Config(
        app,
        http=partial(HardenedProtocol, limits=limits, sockets=sockets),  # type: ignore[arg-type]
        ws=HardenedSocket if sockets else "none",
        ws_max_size=limits.message_bytes,
        ws_ping_interval=limits.ping_s,
        ws_ping_timeout=limits.pong_s,
        ws_per_message_deflate=False,
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=limits.keep_alive_s,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=limits.connections,
    )
    server = _Server(config)

    def stop() -> None:
        on_stop()
        server.should_exit = True

    _spare_the_collector()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    await server.serve(sockets=[listener])


def _spare_the_collector() -> None:
    """Look for garbage cycles less often, and never again in what was loaded at start: it saves a tenth of a write's
    time, and a large body of JSON is not searched ten times while it is read. Cycles are rare here; counting frees the
    rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
