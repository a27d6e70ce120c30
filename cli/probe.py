"""Ask a process of ours whether it is healthy."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

_ANSWER_BYTES: Final = 16 << 10


async def is_healthy(url: str, *, timeout_s: float = 1.0) -> bool:
    """Whether a GET of `url` (http only) answers 200 within `timeout_s`. Never raises for a silent or broken server."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _status(url) == 200
    except (OSError, TimeoutError, ValueError):
        return False


async def _status(url: str) -> int:
    # a few lines instead of a client library: `console up` starts a second faster without it
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        writer.write(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        version, status, *_ = (await reader.readline()).split()
        # to the end: a server whose answer is cut off logs that as a fault
        await reader.read(_ANSWER_BYTES)
        return int(status) if version.startswith(b"HTTP/") else 0
    finally:
        writer.close()
