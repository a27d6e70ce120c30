"""Cross-origin requests (Fetch, "CORS protocol"): pages of the origins in CORS_ORIGINS may call the API.

Outside everything else, so that every answer, refusals and a 500 included, can be read by such a page. No credentials:
a token travels in a header that a page must set itself, never in a cookie that a browser adds.
"""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.scope import header
from shared.origins import Origins

_METHODS: Final = b"GET, HEAD, POST, PATCH, PUT, DELETE"
_ALLOWED: Final = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, X-Request-Id, Accept-Language"
)
_EXPOSED: Final = (
    b"ETag, X-Request-Id, Retry-After, Idempotency-Replayed, Location, Preference-Applied, Content-Language"
)
_PREFLIGHT_MAX_AGE_S: Final = b"600"


class Cors:
    """ASGI middleware. A preflight of an allowed origin is answered here; one of any other meets the routes, and with
    them 405."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = header(scope, b"origin")
        added = self._permission(origin)
        if (
            scope["method"] == "OPTIONS"
            and origin is not None
            and origin in self._origins
            and header(scope, b"access-control-request-method") is not None
        ):
            await _preflight(send, added)
            return

        async def send_with_permission(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, send_with_permission)

    def _permission(self, origin: str | None) -> list[tuple[bytes, bytes]]:
        """What tells the browser, and caches on the way, who may read this answer."""
        exposed = (b"access-control-expose-headers", _EXPOSED)
        if self._origins.are_all:
            return [(b"access-control-allow-origin", b"*"), exposed]
        vary = (b"vary", b"Origin")
        if origin is None or origin not in self._origins:
            return [vary]
        return [(b"access-control-allow-origin", origin.encode("latin-1")), exposed, vary]


async def _preflight(send: Send, added: list[tuple[bytes, bytes]]) -> None:
    headers = [
        *added,
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _ALLOWED),
        (b"access-control-max-age", _PREFLIGHT_MAX_AGE_S),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
