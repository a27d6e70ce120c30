"""What every answer says to browsers: take it for what it is, run nothing of it, frame it nowhere, keep it nowhere."""

from collections.abc import Iterable
from typing import Final

Head = Iterable[tuple[bytes, bytes]]

_FOR_ALL: Final = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
_UNLESS_GIVEN: Final = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    # nearly every answer holds somebody's data; what may be kept says so itself
    (b"cache-control", b"no-store"),
)
SECURITY: Final = _FOR_ALL + _UNLESS_GIVEN
_NAMES: Final = frozenset(name for name, _ in _UNLESS_GIVEN)


def as_lines(headers: Head) -> bytes:
    """Headers as they are sent."""
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


_ALL_LINES: Final = as_lines(SECURITY)


def security_lines(given: set[bytes]) -> bytes:
    """The security headers that an answer lacks, as they are sent; `given` are the names it has, in lower case."""
    if given.isdisjoint(_NAMES):
        return _ALL_LINES
    return as_lines((*_FOR_ALL, *(pair for pair in _UNLESS_GIVEN if pair[0] not in given)))
