"""uvicorn's HTTP/1.1 protocol with the limits it lacks: a deadline and a size for the head, and strict framing.

Without this a client may trickle a header for ever, send one of a megabyte, leave out Host, or send both
Content-Length and Transfer-Encoding (request smuggling: RFC 9112, 6.1).
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_DEADLINE_S: Final = 10.0
MAX_HEAD_BYTES: Final = 32 * 1024
LINGER_S: Final = 2.0


class _BadHead(Exception):
    """Raised in a parser callback: the parser turns it into a 400 and the connection is closed."""


class HardenedProtocol(HttpToolsProtocol):
    """One connection. The head of each request must arrive whole within HEAD_DEADLINE_S and MAX_HEAD_BYTES."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._start_head_timer()
            self._head_bytes += len(data)
            # what follows the head in this segment is body: only a head that is still open can be too large
            if self._head_bytes - len(data) > MAX_HEAD_BYTES:
                self._refuse_head(b"431 Request Header Fields Too Large")
                return
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head(b"431 Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_head_timer()
        names = [name for name, _ in self.headers]
        if names.count(b"host") != 1 and self.parser.get_http_version() == "1.1":
            raise _BadHead
        if b"transfer-encoding" in names and b"content-length" in names:
            raise _BadHead
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.more_body and not self.transport.is_closing():
            # answered before the body was in (413, 401): read on for a moment so that the answer is not lost to a
            # connection reset, then close
            self.loop.call_later(LINGER_S, self.transport.close)

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_DEADLINE_S, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._in_head and not self.transport.is_closing():
            if self._head_bytes == 0:
                self.transport.close()
            else:
                self._refuse_head(b"408 Request Timeout")

    def _refuse_head(self, status: bytes) -> None:
        self._stop_head_timer()
        self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
