"""Headers of requests and answers, each described once."""

from collections.abc import Mapping
from typing import Any, Final

from api_node.openapi.operation import Query
from shared.commands import Version

OF_EVERY_REQUEST: Final = ("Accept-Language", "X-Request-Id")
OF_A_WRITE: Final = ("Idempotency-Key", "X-Reason")
OF_A_VERSION: Final = ("If-Match",)
VERSION: Final = Query("version", Version, "the version it was decided on; a stale one is a 409")

_TEXT: Final = {"type": "string"}


def _header(name: str, schema: Mapping[str, Any], means: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": means, "schema": dict(schema)}


PARAMETERS: Final[dict[str, Any]] = {
    "Accept-Language": _header("Accept-Language", _TEXT, "language of messages: zh-CN or en"),
    "X-Request-Id": _header(
        "X-Request-Id", _TEXT, "found again in every log and in the answer; one that is not plain is replaced"
    ),
    "Idempotency-Key": _header(
        "Idempotency-Key",
        {"type": "string", "pattern": "^[!-~]{1,255}$"},
        "the write happens once, however often it is sent under this key within 24 hours",
    ),
    "X-Reason": _header(
        "X-Reason",
        {"type": "string", "pattern": "^[ -$&-~]{0,500}$", "examples": ["ticket 4711"]},
        "why, for the audit log: UTF-8, percent-encoded where it is not plain ASCII",
    ),
    "If-Match": _header(
        "If-Match",
        {"type": "string", "pattern": '^("v[1-9][0-9]{0,8}"|\\*)$', "examples": ['"v3"']},
        "the version it was decided on, as `ETag` had it; a stale one is a 412",
    ),
    "Prefer": _header(
        "Prefer",
        _TEXT | {"examples": ["respond-async"]},
        "`respond-async`: answer 202 once the write is stored, and apply it afterwards (RFC 7240)",
    ),
    "Prefer-Wait": _header(
        "Prefer",
        _TEXT | {"examples": ["wait=1"]},
        "`wait=20`: answer when the job has ended, or after so many seconds, 30 at most (RFC 7240)",
    ),
    "If-None-Match": _header(
        "If-None-Match", _TEXT | {"examples": ['"v3"']}, "versions already held: 304 when it is one of them"
    ),
}

HEADERS: Final[dict[str, Any]] = {
    "X-Request-Id": {"description": "as it was sent, or a new one", "schema": _TEXT, "required": True},
    "Content-Language": {"description": "language of `message`", "schema": {"enum": ["zh-CN", "en"]}},
    "ETag": {"description": "the version", "schema": {"type": "string", "pattern": '^"v[0-9]+"$'}, "required": True},
    "Retry-After": {"description": "seconds to wait", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
    "WWW-Authenticate": {"description": "how to sign in", "schema": _TEXT, "required": True},
    "Preference-Applied": {
        "description": "what of `Prefer` was heeded",
        "schema": {"const": "respond-async"},
        "required": True,
    },
    "Location": {"description": "where to look next", "schema": _TEXT, "required": True},
}
