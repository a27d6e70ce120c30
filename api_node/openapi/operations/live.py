"""`/api/ws`."""

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from api_node.live import door
from api_node.openapi.answers import LiveTicket
from api_node.openapi.errors import OF_THE_QUEUE
from api_node.openapi.operation import Answer, Operation, Query
from shared.errors import Forbidden, TooManyConnections, Unauthenticated, UpgradeRequired

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "POST /api/ws/ticket": Operation(
            id="createTicket",
            tag="Live events",
            summary="Ask for a ticket",
            answers={201: Answer("the ticket", LiveTicket)},
        ),
        "GET /api/ws": Operation(
            id="openSocket",
            tag="Live events",
            summary="Open a WebSocket",
            more=inspect.getdoc(door.open_socket) or "",
            query=(
                Query("ticket", str, "from `POST /api/ws/ticket`; good once"),
                Query(
                    "since",
                    Annotated[str, Field(pattern=r"^[0-9]{1,19}\.[0-9]{1,19}$")],
                    "the last position seen: what came after it is sent first",
                ),
            ),
            answers={101: Answer("open: messages follow")},
            errors=(UpgradeRequired, Unauthenticated, Forbidden, TooManyConnections, *OF_THE_QUEUE),
        ),
    }
)
