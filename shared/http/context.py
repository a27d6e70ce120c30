"""The outermost layer of every server: a request id, one access line, metrics, and every error in its envelope."""

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.clock import Clock
from shared.envelopes import door_of, failure
from shared.errors import ConsoleError, Internal, MalformedRequest, MethodNotAllowed, NotFound
from shared.jsonio import dumps
from shared.messages import Language, choose_language
from shared.wire import REQUEST_ID

log = structlog.get_logger("access")

_REQUEST_ID: Final = re.compile(REQUEST_ID)
_PROBES: Final = ("/health", "/livez", "/readyz", "/metrics")
_BY_STATUS: Final[dict[int, type[ConsoleError]]] = {404: NotFound, 405: MethodNotAllowed, 400: MalformedRequest}


class JsonResponse(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return dumps(content)


class HttpMetrics:
    """Requests of one process, by route (never by raw path: a label for each id would grow without bound)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["method", "route", "status"]
        self.requests = Counter("console_http_requests", "Requests answered", labels, registry=registry)
        self.seconds = Histogram("console_http_seconds", "Time to answer", ["route"], registry=registry)


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
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if given and _REQUEST_ID.match(given) else uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["language"] = choose_language(headers.get("accept-language"), self._default_language)
        started = self._clock.monotonic()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
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
        self._metrics.requests.labels(scope["method"], route, status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
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
