"""Routes without parameters: one look-up in a dict.

Every write passes here, and a router that tries one pattern after the other between two layers of error handling took
a tenth of the time of a write (docs/performance.md). What an endpoint raises is answered by `RequestContext`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class FixedRoute:
    """One method of one path."""

    method: str
    path: str
    endpoint: Endpoint


class FixedRoutes:
    """The ASGI app of them all. `state` is what endpoints find as `request.app.state`."""

    def __init__(self, routes: Sequence[FixedRoute]) -> None:
        self.state = State()
        self._by_path: dict[str, dict[str, FixedRoute]] = {}
        for route in routes:
            self._by_path.setdefault(route.path, {})[route.method] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises HTTPException: 404 for another path, 405 with the methods there are."""
        methods = self._by_path.get(scope["path"])
        if methods is None:
            raise HTTPException(404)
        # HEAD is GET; the server leaves out the body
        route = methods.get("GET" if scope["method"] == "HEAD" else scope["method"])
        if route is None:
            raise HTTPException(405, headers={"Allow": ", ".join(methods)})
        scope["app"] = self
        scope["route"] = route
        response = await route.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)
