"""How answers leave a connection: head and body together, complete; and the answers that no app gives."""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from shared.clock import SystemClock
from shared.envelopes import failure
from shared.errors import ConsoleError, Unavailable
from shared.http.headers import SECURITY, secured
from shared.ids import fresh_id
from shared.jsonio import dumps

_REASONS: Final = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}
_REFUSED_HEAD: Final = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" + (
    b"".join(b"%b: %b\r\n" % pair for pair in SECURITY) + b"connection: close\r\n\r\n"
)
_CLOCK: Final = SystemClock()


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


def completing_the_head(cycle: RequestResponseCycle, app: Any) -> Any:
    """The app, with the security headers on each answer, and `Connection: close` on one that comes before the request's
    body is in."""

    async def run(scope: Any, receive: Any, send: Any) -> None:
        async def send_completed(message: Any) -> None:
            if message["type"] != "http.response.start":
                await send(message)
                return
            message["headers"] = secured(message["headers"])
            if scope["method"] != "HEAD":  # whose answer has no body to wait for
                cycle.transport = _HeldHead(cycle)  # type: ignore[assignment]
            if cycle.more_body:
                cycle.keep_alive = False
                await send(message)
                cycle.keep_alive = True  # the protocol closes after it has lingered
            else:
                await send(message)

        await app(scope, receive, send_completed)

    return run


class _HeldHead:
    """Stands in for a connection while an answer begins: keeps its head until the first piece of its body, so that both
    leave in one system call (a twentieth of a write's time)."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._head = b""

    def write(self, data: bytes) -> None:
        if not self._head:
            self._head = data
        else:
            self._let_go(data)

    def close(self) -> None:
        self._let_go()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _let_go(self, data: bytes = b"") -> None:
        self._cycle.transport = self._transport
        self._transport.write(self._head + data)


def _body(error: ConsoleError) -> bytes:
    """Neither path nor language is known: the `/api` door's envelope."""
    return dumps(failure(error, door="/api", language="zh-CN", request_id=fresh_id(), now=_CLOCK.now()))
