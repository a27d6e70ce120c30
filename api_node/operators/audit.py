"""`/v1/audit`: who did what, when and why. Read here, written with the changes themselves, never through an API."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api_node.node import Node
from api_node.operators.answers import listed
from api_node.parameters import numbered_page, optional_id, require_known, search_text
from api_node.queries import audit
from api_node.queries.audit import EXPORTED_AT_ONCE, AuditFilter
from api_node.reads import answering_database_errors
from shared.audit import audit_view
from shared.errors import FieldError, Invalid
from shared.jsonio import dumps
from shared.principal import Principal

OF_A_FILTER: Final = (
    "actorId",
    "applicationId",
    "action",
    "entity",
    "entityId",
    "departmentId",
    "requestId",
    "since",
    "until",
)
NDJSON: Final = "application/x-ndjson"


async def list_entries(request: Request, viewer: Principal) -> Response:
    """200 with `{list, total, page, size}`, newest first. 422 naming a wrong parameter.

    What is about a department is seen from there and above; what belongs to none, roles and permissions, by
    administrators. `seal` is null for about a second, until the entry is chained to the one before it.
    """
    require_known(request, ("page", "size", *OF_A_FILTER))
    asked, wanted = numbered_page(request), _filter(request)
    async with answering_database_errors():
        page = await audit.page(Node.of(request).engine, viewer, wanted, page_size=asked.size, page_number=asked.number)
    return listed(
        [audit_view(*entry) for entry in page.entries], asked, total=page.total, total_is_capped=page.total_is_capped
    )


async def export_entries(request: Request, viewer: Principal) -> Response:
    """200 with one entry a line, oldest first, up to the newest there is now. 422 naming a wrong parameter.

    When the database fails on the way the connection breaks: an answer that ends as HTTP says is whole.
    """
    require_known(request, OF_A_FILTER)
    wanted = _filter(request)
    engine = Node.of(request).engine
    async with answering_database_errors():
        up_to_id = await audit.last_id(engine)
        first = await audit.after(engine, viewer, wanted, after_id=0, up_to_id=up_to_id)

    async def lines() -> AsyncIterator[bytes]:
        entries = first
        while entries:
            yield b"".join(dumps(audit_view(*entry)) + b"\n" for entry in entries)
            if len(entries) < EXPORTED_AT_ONCE:
                return
            async with answering_database_errors():
                entries = await audit.after(engine, viewer, wanted, after_id=entries[-1][0].id, up_to_id=up_to_id)

    headers = {"Content-Type": NDJSON, "Content-Disposition": 'attachment; filename="audit.ndjson"'}
    return StreamingResponse(lines(), headers=headers)


def _filter(request: Request) -> AuditFilter:
    return AuditFilter(
        user_id=optional_id(request, "actorId"),
        application_id=optional_id(request, "applicationId"),
        action=search_text(request, "action"),
        entity=search_text(request, "entity"),
        entity_id=optional_id(request, "entityId"),
        department_id=optional_id(request, "departmentId"),
        request_id=search_text(request, "requestId"),
        since=_instant(request, "since"),
        until=_instant(request, "until"),
    )


def _instant(request: Request, name: str) -> datetime | None:
    """An instant of RFC 3339 in the query. Raises Invalid naming it."""
    given = request.query_params.get(name)
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Invalid(errors=[FieldError(name, "must be an instant such as 2026-01-01T00:00:00Z, with its zone")])
