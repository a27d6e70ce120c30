"""Reading a request's body: JSON only, bounded in size and in time."""

import asyncio
from typing import Any, Final

from starlette.requests import Request

from shared.errors import MalformedRequest, PayloadTooLarge, RequestTimeout, UnsupportedMediaType
from shared.http.scope import header
from shared.jsonio import MAX_VALUES, loads_untrusted

MAX_BODY_BYTES: Final = 1 << 20
MAX_BATCH_BODY_BYTES: Final = 10 << 20
BODY_DEADLINE_S: Final = 30.0


async def read_body(request: Request, limit: int = MAX_BODY_BYTES, deadline_s: float = BODY_DEADLINE_S) -> bytes:
    """The whole body. Raises PayloadTooLarge before reading what is announced as too large, RequestTimeout when it
    trickles past the deadline."""
    announced = header(request.scope, b"content-length")
    if announced and announced.isdigit() and int(announced) > limit:
        raise PayloadTooLarge(f"the body may have at most {limit} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(deadline_s):
            is_whole = False
            while not is_whole:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise MalformedRequest("the connection closed before the body was in")
                body += message["body"]
                if len(body) > limit:
                    raise PayloadTooLarge(f"the body may have at most {limit} bytes")
                is_whole = not message["more_body"]
    except TimeoutError:
        raise RequestTimeout(f"the body must arrive within {deadline_s:.0f} s") from None
    return bytes(body)


async def read_json(request: Request, limit: int = MAX_BODY_BYTES, max_values: int = MAX_VALUES) -> tuple[Any, bytes]:
    """The body as JSON, and its bytes (for a fingerprint). Raises what `read_body` does, UnsupportedMediaType and
    MalformedRequest."""
    media_type = header(request.scope, b"content-type") or ""
    if media_type != "application/json" and media_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType
    raw = await read_body(request, limit)
    return loads_untrusted(raw, max_values), raw


async def read_json_or_nothing(request: Request) -> tuple[Any, bytes]:
    """The body as `read_json` reads it; an empty object for a request that has none."""
    headers = request.headers
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return await read_json(request) if has_body else ({}, b"")
