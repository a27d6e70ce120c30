"""How each door wraps an answer and an error. The HTTP status is the real one in every door.

    /api     {success: true, data}            {error: true, statusCode, message, ...}
    /api/v1  {success, message, data, timestamp}  the same with success false
    /v1      {code: 0, message, data}         {code: 4001 | 4003 | 4004 | 5000, message, data: null, ...}

Every error adds `errorCode, requestId, retryable, outcome`, and `errors: [{field, message}]` where fields are at fault.
"""

from datetime import datetime
from typing import Any, Literal

from shared.clock import iso
from shared.errors import ConsoleError
from shared.messages import Language, message

Door = Literal["/api", "/api/v1", "/v1"]


def door_of(path: str) -> Door:
    """Which envelope a path speaks; a path of no door speaks `/api`."""
    if path.startswith("/api/v1/") or path == "/api/v1":
        return "/api/v1"
    return "/v1" if path.startswith("/v1/") else "/api"


def success(data: Any) -> dict[str, Any]:
    """The `/api` door's answer."""
    return {"success": True, "data": data}


def success_v1(data: Any) -> dict[str, Any]:
    """The `/v1` door's answer."""
    return {"code": 0, "message": "success", "data": data}


def success_api_v1(data: Any, now: datetime) -> dict[str, Any]:
    """The `/api/v1` door's answer."""
    return {"success": True, "message": "success", "data": data, "timestamp": iso(now)}


def failure(error: ConsoleError, *, door: Door, language: Language, request_id: str, now: datetime) -> dict[str, Any]:
    """The body of an error answer in one door's envelope."""
    text = message(error.code, language)
    members: dict[str, Any] = {
        "errorCode": error.code,
        "requestId": request_id,
        "retryable": error.retryable,
        "outcome": error.outcome,
    }
    if error.detail:
        members["detail"] = error.detail
    if error.errors:
        members["errors"] = [{"field": e.field, "message": e.message} for e in error.errors]
    members |= error.extra
    if door == "/api/v1":
        return {"success": False, "message": text, "data": None, "timestamp": iso(now), **members}
    if door == "/v1":
        return {"code": _v1_code(error.status), "message": text, "data": None, **members}
    return {"error": True, "statusCode": error.status, "message": text, **members}


def _v1_code(status: int) -> int:
    """Seed 004's codes: parameters 4001, rights 4003, absence 4004, everything else 5000."""
    if status in (401, 403):
        return 4003
    if status == 404:
        return 4004
    return 5000 if status == 429 or status >= 500 else 4001
