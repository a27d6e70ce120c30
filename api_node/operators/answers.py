"""How this door answers: `{code, message, data}` with the HTTP status that belongs to it. What is made is a 200."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from api_node.forward import etag, written
from api_node.parameters import NumberedPage
from api_node.unanswered import Outcome
from shared.envelopes import success_v1
from shared.http.context import JsonResponse


def shown(data: Any, headers: dict[str, str] | None = None) -> Response:
    """200 with some data."""
    return JsonResponse(success_v1(data), headers=headers)


def shown_with_tag(data: dict[str, Any]) -> Response:
    """200 with one object and its ETag."""
    return shown(data, etag(data["version"]))


def applied(outcome: Outcome) -> Response:
    """200 with what a write made of its object."""
    return shown(outcome.data, written(outcome))


def listed(items: Sequence[Any], asked: NumberedPage, *, total: int, total_is_capped: bool) -> Response:
    """200 with one page of a list."""
    page = {"list": list(items), "total": total, "page": asked.number, "size": asked.size}
    return shown(page | ({"totalIsCapped": True} if total_is_capped else {}))
