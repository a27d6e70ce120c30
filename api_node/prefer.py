"""The `Prefer` header (RFC 7240): of all preferences, the one for an answer before the work is done."""

import re
from typing import Final

from starlette.requests import Request

RESPOND_ASYNC: Final = "respond-async"

_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


def prefers_async(request: Request) -> bool:
    """Whether the client would rather be told where to look than wait. What we do not know is ignored, as is `wait`:
    storing a command takes no longer than its caller waits anyway."""
    said = _QUOTED.sub('""', ",".join(request.headers.getlist("prefer")))
    names = (preference.partition(";")[0].strip().lower() for preference in said.split(","))
    return any(name in (RESPOND_ASYNC, f'{RESPOND_ASYNC}=""') for name in names)
