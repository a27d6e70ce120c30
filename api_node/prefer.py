"""The `Prefer` header (RFC 7240): of all preferences, those for an answer before the work is done, and after."""

import re
from collections.abc import Iterator
from typing import Final

from starlette.requests import Request

from shared.job_commands import MAX_WAIT_S

RESPOND_ASYNC: Final = "respond-async"
WAIT: Final = "wait"

_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_SECONDS: Final = re.compile(r"^[0-9]{1,9}$")


def prefers_async(request: Request) -> bool:
    """Whether the client would rather be told where to look than wait. What we do not know is ignored, as is `wait`:
    storing a command takes no longer than its caller waits anyway."""
    return any((name, value) in ((RESPOND_ASYNC, ""), (RESPOND_ASYNC, '""')) for name, value in _preferences(request))


def preferred_wait_s(request: Request) -> int | None:
    """How many seconds the client would wait for the work to be done, MAX_WAIT_S at most; None where it says nothing,
    or nothing that can be understood."""
    for name, value in _preferences(request):
        if name == WAIT and _SECONDS.match(value):
            return min(int(value), MAX_WAIT_S)
    return None


def _preferences(request: Request) -> Iterator[tuple[str, str]]:
    said = _QUOTED.sub('""', ",".join(request.headers.getlist("prefer")))
    for preference in said.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        yield name.strip().lower(), value.strip()
