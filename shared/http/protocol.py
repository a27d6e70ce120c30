"""uvicorn's HTTP/1.1 protocol with the limits it lacks: deadlines and sizes, and strict framing.

Without this a client may trickle a header for ever, send one of a megabyte or a trailer without end, leave out Host,
send both Content-Length and Transfer-Encoding (request smuggling: RFC 9112, 6.1), queue requests without bound on one
connection, or never read its answer.
"""

import asyncio
from collections.abc import Collection
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from shared.errors import ConsoleError, HeadTooLarge, MalformedRequest, RequestTimeout
from shared.http.answering import Answer, refusal, too_many_connections
from shared.http.handshake import is_handshake
from shared.http.limits import HttpLimits

_LEAST_PROGRESS_BYTES: Final = 64 * 1024


class _BadHead(Exception):
    """Raised in a parser callback: the parser turns it into a 400 and the connection is closed."""


class HardenedProtocol(HttpToolsProtocol):
    """One connection, within `limits`. A WebSocket handshake for one of the paths `sockets` leaves for the WebSocket
    protocol; any other upgrade is answered as if it had not been asked for."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: HttpLimits,
        sockets: Collection[str] = (),
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._sockets = frozenset(path.encode() for path in sockets)
        self._is_handshake = False
        self._has_left = False
        self._in_head = True
        self._head_has_begun = False
        self._unplaced = 0
        self._is_deaf = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        for timer in (self._stall_timer, self._end_timer):
            if timer is not None:
                timer.cancel()
        for cycle, _app in self.pipeline:
            cycle.disconnected = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser in pieces, so that what is neither head nor body never grows past its limit."""
        position = 0
        while position < len(data) and not (self._is_deaf or self._has_left or self.transport.is_closing()):
            room = self._limits.head_bytes - self._unplaced
            if room <= 0:
                self._refuse(HeadTooLarge() if self._in_head else MalformedRequest())
                return
            piece = data[position : position + room]
            position += len(piece)
            self._unplaced += len(piece)
            super().data_received(piece)
        # only now: nearly every head is in one piece, and a timer for it would have been set to be cancelled at once
        if self._in_head and (self._unplaced or self._head_has_begun) and not self._is_deaf:
            self._start_head_timer()

    # --- the parser's callbacks

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_has_begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: it must not pass for a header that was checked before the body
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if not _is_well_framed(self.headers, self.parser.get_http_version()):
            raise _BadHead
        if len(self.pipeline) >= self._limits.pipelined:
            raise _BadHead
        self._is_handshake = self.parser.should_upgrade() and self._may_become_a_websocket()
        super().on_headers_complete()
        self._in_head, self._head_has_begun, self._unplaced = False, False, 0
        self._stop_head_timer()
        if self.parser.should_upgrade() and not self._is_handshake:
            # an upgrade we do not do: answered as if it had not been asked for; what follows may be another protocol
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._unplaced = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._unplaced = True, 0

    def send_400_response(self, msg: str) -> None:
        self._refuse(MalformedRequest())

    def _should_upgrade(self) -> bool:
        return self._is_handshake

    def _unsupported_upgrade_warning(self) -> None:
        """Any stranger can ask for one: not worth a line."""

    def handle_websocket_upgrade(self) -> None:
        self._has_left = True
        self._is_handshake = False
        super().handle_websocket_upgrade()

    def _may_become_a_websocket(self) -> bool:
        """Whether this head, for one of our sockets, is a handshake that the library will take: nothing before it is
        still being answered, and there is room for one more client."""
        return (
            self.url.partition(b"?")[0] in self._sockets
            and (self.parser.get_method(), self.parser.get_http_version()) == (b"GET", "1.1")
            and (self.cycle is None or self.cycle.response_complete)
            and self.transport.get_write_buffer_size() == 0
            and len(self.connections) <= self._limits.connections
            and is_handshake(self.url, self.headers)
        )

    # --- the answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        chosen = app if app is self.app else too_many_connections
        cycle.send = Answer(cycle).send  # type: ignore[method-assign, assignment]
        super()._start_asgi_task(cycle, chosen)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._end_timer = self.loop.call_later(self._limits.stalled_s, self.transport.abort)
        elif self.cycle.response_complete and self.cycle.more_body:
            self._linger()

    def timeout_keep_alive_handler(self) -> None:
        # an answer that is still not taken after all that time never will be; close() would wait for it
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_for_a_stall(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _watch_for_a_stall(self, unsent: int) -> None:
        def look_again() -> None:
            still_unsent = self.transport.get_write_buffer_size()
            if unsent - still_unsent < _LEAST_PROGRESS_BYTES:
                self.transport.abort()
            else:
                self._watch_for_a_stall(still_unsent)

        self._stall_timer = self.loop.call_later(self._limits.stalled_s, look_again)

    # --- the head's deadline, refusals, the end

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._limits.head_s, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._unplaced == 0 and not self._head_has_begun:
            self.transport.close()
        else:
            self._refuse(RequestTimeout())

    def _refuse(self, error: ConsoleError) -> None:
        """Answer what never became a request, and listen to nothing more."""
        self._stop_head_timer()
        self._is_deaf = True
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and self._in_head:
            # the answer to the request before it is under way: nothing may be written into that one
            self.cycle.keep_alive = False
            return
        if answering and (self.pipeline or self.cycle.response_started):
            self.transport.close()
            return
        self.transport.write(refusal(error))
        if answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._linger()

    def _linger(self) -> None:
        """Say that nothing more comes, and swallow what does for a moment: closing at once with bytes unread would
        reset the connection, and the client could lose the answer."""
        self._is_deaf = True
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._end_timer = self.loop.call_later(self._limits.linger_s, self.transport.abort)


def _is_well_framed(headers: list[tuple[bytes, bytes]], version: str) -> bool:
    """Exactly one Host (RFC 9112, 3.2), one way to tell where the body ends, no coding that we do not undo, and no
    line folded into the next (5.2)."""
    hosts = 0
    has_length = False
    encodings = []
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            has_length = True
        elif name == b"transfer-encoding":
            encodings.append(value.strip().lower())
        if b"\n" in value or b"\r" in value:
            return False
    if version not in ("1.0", "1.1") or hosts > 1 or (hosts == 0 and version == "1.1"):
        return False
    return not encodings or (encodings == [b"chunked"] and not has_length and version == "1.1")
