"""`GET /api/operations/{id}`: what became of a write that was answered 202 (`Prefer: respond-async`)."""

import re
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api_node.node import Node
from api_node.queries import operations
from api_node.queries.operations import Operation
from api_node.reads import answering_database_errors
from shared.clock import iso
from shared.envelopes import failure, success
from shared.errors import ConsoleError, NotFound, PreconditionFailed, VersionConflict
from shared.http.context import JsonResponse
from shared.jsonio import loads
from shared.principal import Principal
from shared.wire import DeferredRequest, error_from_wire

_ID: Final = re.compile(r"[0-9a-f]{32}")


async def get_operation(request: Request, viewer: Principal) -> Response:
    """200 with the operation; 404 for one that is somebody else's, or ended more than 24 hours ago.

    `status` is `accepted` while it waits, then `applied` with the write's `statusCode` and `result`, or `refused` with
    the `statusCode` and the `error` it would have been answered with.
    """
    public_id: str = request.path_params["id"]
    if not _ID.fullmatch(public_id):
        raise NotFound
    async with answering_database_errors():
        found = await operations.by_public_id(Node.of(request).engine, viewer, public_id)
    if found is None:
        raise NotFound
    waits = {"Retry-After": "1"} if found.status is None else None
    return JsonResponse(success(_view(request, found)), headers=waits)


def _view(request: Request, found: Operation) -> dict[str, Any]:
    asked = DeferredRequest.model_validate(loads(found.request))
    shown: dict[str, Any] = {
        "operationId": found.public_id,
        "type": asked.type,
        "status": "accepted",
        "createdAt": iso(found.created_at),
        "endedAt": iso(found.ended_at) if found.ended_at else None,
        "statusCode": found.status,
        "result": None,
        "error": None,
    }
    if found.status is None or found.body is None:
        return shown
    if found.status < 400:
        return shown | {"status": "applied", "result": loads(found.body)}
    error = _as_it_was_asked(error_from_wire(loads(found.body)), asked)
    said = failure(
        error,
        door="/api",
        language=request.state.language,
        request_id=asked.requestId,
        now=Node.of(request).clock.now(),
    )
    return shown | {"status": "refused", "statusCode": error.status, "error": said}


def _as_it_was_asked(error: ConsoleError, asked: DeferredRequest) -> ConsoleError:
    """A stale version that came as `If-Match` is a failed precondition, as in a plain answer."""
    return PreconditionFailed(extra=error.extra) if asked.ifMatch and isinstance(error, VersionConflict) else error
