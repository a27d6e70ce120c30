"""The outermost layer of every server: a request id, one access line, metrics, and every error in its envelope."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.clock import Clock
from shared.envelopes import door_of, failure
from shared.errors import ConsoleError, Internal, MalformedRequest, MethodNotAllowed, NotFound
from shared.http.scope import header
from shared.ids import fresh_id
from shared.jsonio import dumps
from shared.messages import Language, choose_language
from shared.wire import REQUEST_ID

log = structlog.get_logger("access")

_REQUEST_ID: Final = re.compile(REQUEST_ID)
_PROBES: Final = ("/health", "/livez", "/readyz", "/metrics")
_BY_STATUS: Final[dict[int, type[ConsoleError]]] = {404: NotFound, 405: MethodNotAllowed, 400: MalformedRequest}


class JsonResponse(Response):
    """A JSON answer. Its head is written here, not by Starlette: every answer of ours is one of these."""

    def __init__(self, content: Any, status_code: int = 200, headers: dict[str, str] | None = None) -> None:
        self.status_code = status_code
        self.background = None
        self.body = dumps(content)
        self.raw_headers = [
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", b"application/json"),
            *((name.lower().encode(), value.encode()) for name, value in (headers or {}).items()),
        ]


class HttpMetrics:
    """Requests of one process, by route (never by raw path: a label for each id would grow without bound)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["method", "route", "status"]
        self._requests = Counter("console_http_requests", "Requests answered", labels, registry=registry)
        self._seconds = Histogram("console_http_seconds", "Time to answer", ["route"], registry=registry)
        # finding a labelled child costs more than counting on it
        self._found: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        found = self._found.get((method, route, status))
        if found is None:
            found = (self._requests.labels(method, route, status), self._seconds.labels(route))
            self._found[method, route, status] = found
        found[0].inc()
        found[1].observe(seconds)


class RequestContext:
    """ASGI middleware. Sets `request_id` and `language` on the request's state and answers every exception."""

    def __init__(
        self, app: ASGIApp, *, clock: Clock, default_language: Language, metrics: HttpMetrics, logs_requests: bool
    ) -> None:
        self.app = app
        self._clock = clock
        self._default_language = default_language
        self._metrics = metrics
        self._logs_requests = logs_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = header(scope, b"x-request-id")
        request_id = given if given and _REQUEST_ID.match(given) else fresh_id()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["language"] = choose_language(header(scope, b"accept-language"), self._default_language)
        # never unbound: the server gives each request a task, and so a context, of its own
        structlog.contextvars.bind_contextvars(request_id=request_id)
        if scope["type"] != "http":  # a WebSocket: its own handler answers, and writes its line at the end
            await self.app(scope, receive, send)
            return
        started = self._clock.monotonic()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            if status:
                raise  # the answer is under way: only closing the connection can tell the client
            response = error_response(error, scope, self._clock)
            await response(scope, receive, send_with_id)
        self._note(scope, status, self._clock.monotonic() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        self._metrics.note(scope["method"], route, status, seconds)
        # probes come several times a second and say the same every time: only a failing one is worth a line
        if status >= 500 or (self._logs_requests and not scope["path"].endswith(_PROBES)):
            log.info("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000, 1))


def error_response(error: Exception, scope: Scope, clock: Clock) -> Response:
    """Any exception as an answer in the door's envelope. One that is not of our tree is logged and becomes a 500
    that tells the client nothing but the request id."""
    headers: dict[str, str] = {}
    if isinstance(error, HTTPException):
        headers |= error.headers or {}  # Allow, with a 405
        error = _BY_STATUS.get(error.status_code, Internal)()
    if not isinstance(error, ConsoleError):
        log.error("request_failed", path=scope["path"], exc_info=error)
        error = Internal()
    state = scope["state"]
    body = failure(
        error,
        door=door_of(scope["path"]),
        language=state["language"],
        request_id=state["request_id"],
        now=clock.now(),
    )
    headers["Content-Language"] = state["language"]
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JsonResponse(body, error.status, headers)


def answer_errors(clock: Clock) -> Callable[[Request, Exception], Awaitable[Response]]:
    """A Starlette exception handler that does the same inside the router (404 and 405 of unknown routes)."""

    async def handle(request: Request, error: Exception) -> Response:
        return error_response(error, request.scope, clock)

    return handle
