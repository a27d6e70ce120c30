"""Running an ASGI app until SIGTERM or SIGINT: listen first, start, stop cleanly."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from shared.http.limits import HttpLimits
from shared.http.protocol import HardenedProtocol

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
    app: ASGIApp, listener: socket.socket, *, on_stop: Callable[[], None], limits: HttpLimits | None = None
) -> None:
    """Serve until a stop signal: `on_stop` is called at once, the listener closes, requests under way finish (within
    GRACE_S), and this returns. `limits` None: the published ones."""
    limits = limits or HttpLimits()
    config = uvicorn.Config(
        app,
        http=partial(HardenedProtocol, limits=limits),  # type: ignore[arg-type]
        ws="none",
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

    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    await server.serve(sockets=[listener])
