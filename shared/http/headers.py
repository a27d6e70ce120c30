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
_NAMES: Final = frozenset(name for name, _ in _UNLESS_GIVEN)

SECURITY: Final = _FOR_ALL + _UNLESS_GIVEN


def secured(headers: Head) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, lower-case, with the security headers they lack."""
    given = list(headers)
    own = {name for name, _ in given if name in _NAMES}
    if own:
        return [*given, *_FOR_ALL, *(pair for pair in _UNLESS_GIVEN if pair[0] not in own)]
    return [*given, *SECURITY]
