"""uvicorn's WebSocket protocol with the ends it lacks: every close has a deadline, and a peer that sends without
reading costs no memory.

Without this a connection whose peer takes nothing stays until its last byte was taken, which is never; pings from such
a peer pile up pongs; a stop says 1012 and hangs up in mid-sentence; and the address, with the ticket in it, is logged.
"""

import asyncio
import logging
import socket
from asyncio.transports import BaseTransport
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

GOING_AWAY: Final = 1001
CLOSE_S: Final = 2.0
"""From our last word to the end, whatever the peer does."""

SEND_BUFFER: Final = 64 * 1024
"""Bytes the kernel keeps for a peer that does not read (it takes twice that); as many wait in the process."""

_quiet = logging.getLogger("uvicorn.websocket")
_quiet.setLevel(logging.WARNING)  # whatever LOG_LEVEL says: below that the lines quote addresses and messages


class HardenedSocket(WebSocketsSansIOProtocol):
    """One WebSocket, from its handshake on."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = self.conn.logger = _quiet
        self.conn.debug = False
        self._end_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end_timer is not None:
            self._end_timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()  # what it says would have to be answered

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self._end_soon()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.close":
            self._end_soon()

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._end_soon()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._end_soon()

    def keepalive_timeout(self) -> None:
        """A ping was not answered: nobody is there, so there is nobody to wait for."""
        self.transport.abort()

    def shutdown(self) -> None:
        """The server stops: say so, and wait a moment for the answer. What is not yet open is the app's to refuse."""
        self.stop_keepalive()
        if not self.handshake_complete or self.close_sent:
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
        self.conn.send_close(GOING_AWAY)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(CLOSE_S, self.transport.abort)

    def _end_soon(self) -> None:
        if self._end_timer is None and not self.disconnected:
            self._end_timer = self.loop.call_later(CLOSE_S, self.transport.abort)
