"""Whether a request's head asks for a WebSocket in a way that can be granted."""

import base64
import binascii
from typing import Final

_LINES: Final = 100
_LINE_BYTES: Final = 8_000
"""A little less than what the WebSocket library reads of a head."""


def is_handshake(url: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
    """A WebSocket handshake as RFC 6455, 4.2.1 wants it, without a body. Names are in lower case."""
    if len(headers) > _LINES or any(len(part) > _LINE_BYTES for part in (url, *map(b"".join, headers))):
        return False
    if any(name in (b"content-length", b"transfer-encoding") for name, _ in headers):
        return False
    upgrades = [value.strip().lower() for name, value in headers if name == b"upgrade"]
    versions = [value.strip() for name, value in headers if name == b"sec-websocket-version"]
    keys = [value.strip() for name, value in headers if name == b"sec-websocket-key"]
    if upgrades != [b"websocket"] or versions != [b"13"] or len(keys) != 1:
        return False
    try:
        return len(base64.b64decode(keys[0], validate=True)) == 16
    except binascii.Error:
        return False
