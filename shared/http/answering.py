"""How answers leave a connection: head and body together, complete; and the answers that no app gives."""

import re
from collections.abc import Iterable
from typing import Any, Final

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from shared.clock import SystemClock
from shared.envelopes import failure
from shared.errors import ConsoleError, Unavailable
from shared.http.headers import SECURITY, as_lines, security_lines
from shared.ids import fresh_id
from shared.jsonio import dumps

_REASONS: Final = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}
_REFUSED_HEAD: Final = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" + (
    as_lines(SECURITY) + b"connection: close\r\n\r\n"
)
_CLOCK: Final = SystemClock()

_NOT_IN_A_NAME: Final = re.compile(rb'[\x00-\x20\x7f()<>@,;:\[\]={}\\"]')
_NOT_IN_A_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_WITHOUT_BODY: Final = (204, 304)


def refusal(error: ConsoleError) -> bytes:
    """A whole answer, ready to be sent, to what never became a request."""
    body = _body(error)
    return _REFUSED_HEAD % (error.status, _REASONS[error.status], len(body)) + body


async def too_many_connections(scope: Any, receive: Any, send: Any) -> None:
    """The app of a connection for which there is no room: 503."""
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"1"), (b"connection", b"close")]
    body = _body(Unavailable())
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 503, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class Answer:
    """One answer on its way: `send` takes the place of uvicorn's.

    That one writes a head by itself and looks at each of its lines, ours included, for what may not be there: with the
    layers around it that added headers and held the head back, a twentieth of the writer's time. Here a head waits for
    the first piece of its body, so that both leave in one system call, and what is the same in every head is worded
    once. An answer that comes before the request's body is in says `Connection: close`.
    """

    __slots__ = ("_cycle", "_head", "_left")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._head = b""
        self._left: int | None = 0
        """Bytes of the body that are still to come; None for a body in chunks."""

    async def send(self, message: Message) -> None:
        """One message of an ASGI app. Raises RuntimeError for one that would break the framing."""
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        if cycle.response_complete:
            raise RuntimeError(f"{message['type']} after the end of the answer")
        if cycle.response_started:
            self._go_on(message.get("body", b""), message.get("more_body", False))
        else:
            self._begin(message["status"], message["headers"])

    def _begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        cycle = self._cycle
        lines = [STATUS_LINE[status], as_lines(cycle.default_headers)]
        left = None
        names = set()
        for name, value in headers:
            name = name.lower()
            if _NOT_IN_A_NAME.search(name) or _NOT_IN_A_VALUE.search(value):
                raise RuntimeError("a header holds what would break the head")
            names.add(name)
            lines.append(b"%b: %b\r\n" % (name, value))
            if name == b"content-length":
                left = int(value)
            elif name == b"connection" and value.lower() == b"close":
                cycle.keep_alive = False
        lines.append(security_lines(names))
        if (cycle.more_body or not cycle.keep_alive) and b"connection" not in names:
            lines.append(b"connection: close\r\n")
        if cycle.more_body:
            cycle.keep_alive = True  # the protocol closes after it has lingered
        if left is None and (cycle.scope["method"] == "HEAD" or status in _WITHOUT_BODY):
            left = 0
        if left is None:
            lines.append(b"transfer-encoding: chunked\r\n")
        self._left = left
        self._head = b"".join([*lines, b"\r\n"])
        cycle.response_started = True
        cycle.waiting_for_100_continue = False

    def _go_on(self, body: bytes, more_body: bool) -> None:
        cycle = self._cycle
        if cycle.scope["method"] == "HEAD":
            body, self._left = b"", 0
        elif self._left is None:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more_body else b"0\r\n\r\n")
        else:
            self._left -= len(body)
        if self._left and (self._left < 0 or not more_body):
            raise RuntimeError("the body is not as long as its Content-Length says")
        if self._head or body:
            cycle.transport.write(self._head + body)
            self._head = b""
        if not more_body:
            cycle.response_complete = True
            cycle.message_event.set()
            if not cycle.keep_alive:
                cycle.transport.close()
            cycle.on_response()


def _body(error: ConsoleError) -> bytes:
    """Neither path nor language is known: the `/api` door's envelope."""
    return dumps(failure(error, door="/api", language="zh-CN", request_id=fresh_id(), now=_CLOCK.now()))
