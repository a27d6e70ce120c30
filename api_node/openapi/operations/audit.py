"""`/v1/audit`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from api_node.openapi.answers import AuditEntry, AuditList, Instant
from api_node.openapi.operation import NDJSON, Answer, Operation, Query
from api_node.openapi.operations.operators import KEYWORD, PAGES
from shared.commands import RowId

_FILTERS: Final = (
    Query("actorId", RowId, "who did it: the id of an account"),
    Query("applicationId", RowId, "which application did it"),
    Query("action", KEYWORD, "what was done, such as `user.update`"),
    Query("entity", KEYWORD, "what kind of thing it was done to, such as `user`"),
    Query("entityId", RowId, "to which one"),
    Query("departmentId", RowId, "of exactly this department"),
    Query("requestId", KEYWORD, "the `X-Request-Id` it was done under"),
    Query("since", Instant, "from this instant on"),
    Query("until", Instant, "before this instant"),
)

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "GET /v1/audit": Operation(
            id="listAuditEntries",
            tag="Audit",
            summary="Read the audit log",
            query=(*PAGES, *_FILTERS),
            answers={200: Answer("one page", AuditList)},
        ),
        "GET /v1/audit/export": Operation(
            id="exportAuditEntries",
            tag="Audit",
            summary="Export the audit log",
            query=_FILTERS,
            answers={200: Answer("one entry a line", AuditEntry, is_bare=True, content_type=NDJSON)},
        ),
    }
)
