"""JSON in and out. Reading is strict: no NaN, lone surrogate or NUL, bounded depth, numbers every client can hold."""

from typing import Any, Final

import orjson

from shared.errors import MalformedRequest

MAX_DEPTH: Final = 32
MAX_SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer every JSON client reads back exactly (RFC 8259, 6)."""


def dumps(value: Any) -> bytes:
    """Compact UTF-8. Only JSON types, dataclasses, dates and UUIDs."""
    return orjson.dumps(value)


def loads(raw: bytes | str) -> Any:
    """Parse JSON that we wrote ourselves (stored answers, the internal door)."""
    return orjson.loads(raw)


def loads_untrusted(raw: bytes) -> Any:
    """Parse JSON from outside. Raises MalformedRequest saying what is wrong with it."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"not valid JSON: {error}") from None
    _check(value, 1)
    return value


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise MalformedRequest(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        for key, item in value.items():
            _check(key, depth)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, str):
        if "\x00" in value:
            raise MalformedRequest("a string holds a NUL character")
    elif isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        raise MalformedRequest(f"a number is larger than {MAX_SAFE_INTEGER}")
    elif isinstance(value, float) and abs(value) > MAX_SAFE_INTEGER and value.is_integer():
        # orjson reads an integer beyond 64 bits as a float: refuse it as the integer it was
        raise MalformedRequest(f"a number is larger than {MAX_SAFE_INTEGER}")
