"""JSON in and out. Reading is strict: no NaN, lone surrogate or NUL, bounded depth, numbers every client can hold."""

from typing import Any, Final

import orjson

from shared.errors import MalformedRequest

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 50_000
"""Values in one document, names of members included."""
MAX_VALUES_OF_A_BATCH: Final = 500_000
"""The same, of a body that is a list of small things."""
MAX_SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer every JSON client reads back exactly (RFC 8259, 6)."""


def dumps(value: Any) -> bytes:
    """Compact UTF-8. Only JSON types, dataclasses, dates and UUIDs."""
    return orjson.dumps(value)


def loads(raw: bytes | str) -> Any:
    """Parse JSON that we wrote ourselves (stored answers, the internal door)."""
    return orjson.loads(raw)


def loads_untrusted(raw: bytes, max_values: int = MAX_VALUES) -> Any:
    """Parse JSON from outside. Raises MalformedRequest saying what is wrong with it."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"not valid JSON: {error}") from None
    _check(value, max_values)
    return value


def _check(root: Any, max_values: int) -> None:
    """Walk everything once, without recursion and only so far: a megabyte of `[]` would block the event loop."""
    level: list[Any] = [root]
    count = depth = 0
    while level:
        depth += 1
        count += len(level)
        if depth > MAX_DEPTH:
            raise MalformedRequest(f"nested deeper than {MAX_DEPTH} levels")
        below: list[Any] = []
        for value in level:
            kind = type(value)  # the parser makes no subclasses, and this passes over every value of every request
            if kind is str:
                if "\x00" in value:
                    raise MalformedRequest("a string holds a NUL character")
            elif kind is dict or kind is list:
                if kind is dict:
                    below += value.keys()
                    below += value.values()
                else:
                    below += value
                if count + len(below) > max_values:
                    raise MalformedRequest(f"more than {max_values} values")
            # the parser reads an integer beyond 64 bits as a float: it is refused as the integer it was
            elif (kind is int or kind is float) and abs(value) > MAX_SAFE_INTEGER and value == int(value):
                raise MalformedRequest(f"a number is larger than {MAX_SAFE_INTEGER}")
        level = below
