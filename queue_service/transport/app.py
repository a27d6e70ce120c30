"""The queue service's routes on one page. All but `/api/health` want `Authorization: Bearer QUEUE_SECRET`."""

import hmac
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queue_service.service import QueueService
from queue_service.transport import jobs, observe
from shared.errors import ConsoleError, Unauthenticated
from shared.http.context import HttpMetrics, RequestContext, answer_errors

Endpoint = Callable[[Request], Awaitable[Response]]

_OPEN: tuple[tuple[str, str, Endpoint], ...] = (("GET", "/api/health", observe.get_health),)
_GUARDED: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/livez", observe.get_livez),
    ("GET", "/readyz", observe.get_readyz),
    ("GET", "/metrics", observe.get_metrics),
    ("POST", "/api/queue/job", jobs.post_job),
    ("POST", "/api/queue/jobs", jobs.post_jobs),
    ("GET", "/api/queue/status", observe.get_status),
    ("GET", "/internal/events", observe.get_events),
)


def build_app(service: QueueService) -> Starlette:
    """The ASGI app over a started service."""
    answer = answer_errors(service.clock)
    app = Starlette(
        routes=[Route(path, endpoint, methods=[method]) for method, path, endpoint in _OPEN]
        + [Route(path, _guarded(endpoint), methods=[method]) for method, path, endpoint in _GUARDED],
        middleware=[
            Middleware(
                RequestContext,
                clock=service.clock,
                default_language=service.settings.default_language,
                metrics=HttpMetrics(service.metrics.registry),
                logs_requests=False,
            )
        ],
        exception_handlers={HTTPException: answer, ConsoleError: answer},
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return app


def _guarded(endpoint: Endpoint) -> Endpoint:
    async def checked(request: Request) -> Response:
        service: QueueService = request.app.state.service
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {service.secret}".encode()):
            raise Unauthenticated
        return await endpoint(request)

    checked.__doc__ = endpoint.__doc__
    return checked
