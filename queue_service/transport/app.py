"""The queue service's routes on one page. All but `/api/health` want `Authorization: Bearer QUEUE_SECRET`."""

import hmac
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from queue_service.service import QueueService
from queue_service.transport import engine, jobs, observe
from queue_service.transport.routing import Endpoint, FixedRoute, FixedRoutes
from shared.errors import Unauthenticated
from shared.http.context import HttpMetrics, RequestContext
from shared.http.scope import header

OPEN: Final = (FixedRoute("GET", "/api/health", observe.get_health),)
GUARDED: Final = (
    FixedRoute("GET", "/livez", observe.get_livez),
    FixedRoute("GET", "/readyz", observe.get_readyz),
    FixedRoute("GET", "/metrics", observe.get_metrics),
    FixedRoute("POST", "/api/queue/job", jobs.post_job),
    FixedRoute("POST", "/api/queue/jobs", jobs.post_jobs),
    FixedRoute("GET", "/api/queue/status", observe.get_status),
    FixedRoute("GET", "/internal/events", observe.get_events),
    FixedRoute("POST", "/internal/units/claim", engine.post_claim),
    FixedRoute("POST", "/internal/units/beat", engine.post_beat),
    FixedRoute("POST", "/internal/units/outlook", engine.post_outlook),
    FixedRoute("POST", "/internal/queues/flow", engine.post_flow),
    FixedRoute("POST", "/internal/jobs/finished", engine.post_finished),
)


def build_app(service: QueueService) -> ASGIApp:
    """The ASGI app over a started service."""
    guarded = [FixedRoute(route.method, route.path, _guarded(route.endpoint, service.secret)) for route in GUARDED]
    routes = FixedRoutes([*OPEN, *guarded])
    routes.state.service = service
    return RequestContext(
        routes,
        clock=service.clock,
        default_language=service.settings.default_language,
        metrics=HttpMetrics(service.metrics.registry),
        logs_requests=False,
    )


def _guarded(endpoint: Endpoint, secret: str) -> Endpoint:
    expected = f"Bearer {secret}".encode()

    async def checked(request: Request) -> Response:
        given = header(request.scope, b"authorization") or ""
        if not hmac.compare_digest(given.encode("latin-1"), expected):
            raise Unauthenticated
        return await endpoint(request)

    return checked
