"""How this door answers: `{success, message, data, timestamp}`. What is made is a 201."""

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api_node.forward import written
from api_node.node import Node
from api_node.parameters import PageAsked, page_asked
from api_node.unanswered import Outcome
from shared.envelopes import success_api_v1
from shared.http.context import JsonResponse

PAGES: Final = ("page", "limit", "cursor")
LIMIT: Final = 10


def shown(request: Request, data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Some data."""
    return JsonResponse(success_api_v1(data, Node.of(request).clock.now()), status, headers)


def applied(request: Request, outcome: Outcome) -> Response:
    """What a write made of its object."""
    return shown(request, outcome.data, outcome.status, written(outcome))


def page_of(request: Request) -> PageAsked:
    """`?page=&limit=` or `?cursor=&limit=`. Raises Invalid naming the one that is wrong."""
    return page_asked(request, "limit", LIMIT)


def listed(
    request: Request,
    items: Sequence[Any],
    asked: PageAsked,
    *,
    total: int,
    total_is_capped: bool,
    next_before_id: int | None,
) -> Response:
    """One page of a list."""
    page = {
        "items": list(items),
        "total": total,
        "page": asked.number,
        "limit": asked.size,
        "nextCursor": asked.cursor(next_before_id),
    }
    return shown(request, page | ({"totalIsCapped": True} if total_is_capped else {}))
