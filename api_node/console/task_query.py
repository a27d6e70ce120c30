"""What the query of a list of tasks asks for: filters, order, page, cursor.

    status      one or several of the five, separated by commas or repeated
    category    exactly this one; empty: those without
    tag         likewise
    assignee    an account's id, `me`, or `none`
    creator     an account's id, or `me`
    q           text in title or description, as it is typed
    sort        createdAt | updatedAt | title | status, falling with a `-` in front; `-createdAt` by itself
    page        from 1; or
    cursor      `nextCursor` of the page before, with the same filters and sort
    pageSize    1 to 100

A parameter that is not in this list is refused, not ignored: a mistyped filter would show the whole board.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, cast, get_args

from starlette.requests import Request

from api_node.parameters import DEFAULT_PAGE_SIZE, MAX_PAGE, MAX_PAGE_SIZE, choices, number, require_known, search_text
from api_node.queries.tasks import Place, SortKey, TaskFilter, TaskOrder
from shared.actor import ApplicationId
from shared.errors import FieldError, Invalid, MalformedRequest
from shared.jsonio import MAX_SAFE_INTEGER, dumps, loads_untrusted
from shared.model import MAX_LABEL, MAX_TITLE, Status
from shared.principal import Principal

FILTERS: Final = ("status", "category", "tag", "assignee", "creator", "q")
OF_A_LIST: Final = (*FILTERS, "sort", "page", "pageSize", "cursor")

_MAX_CURSOR: Final = 4_000
_STATUSES: Final = get_args(Status)
_SORTS: Final = get_args(SortKey)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What one request for a list asks for. `page` is also counted along a walk by cursor."""

    wanted: TaskFilter
    order: TaskOrder
    page: int
    page_size: int
    after: Place | None

    def cursor(self, place: Place | None) -> str | None:
        """What leads to the page after this one, and to no other list."""
        if place is None:
            return None
        said = [_name(self.order), _digest(self.wanted), _to_json(place.value), place.id, self.page + 1]
        return base64.urlsafe_b64encode(dumps(said)).decode().rstrip("=")


def read_list(request: Request, viewer: Principal) -> ListQuery:
    """The query of a list. Raises Invalid naming each wrong parameter."""
    wanted = read_filter(request, viewer, OF_A_LIST)
    order = _order(request)
    size = number(request, "pageSize", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
    page = number(request, "page", 1, MAX_PAGE)
    given = request.query_params.get("cursor")
    if given is None:
        return ListQuery(wanted, order, page, size, None)
    if "page" in request.query_params:
        raise _invalid("page", "cannot be given with a cursor, which says where the page starts")
    place, page = _place(given, wanted, order)
    return ListQuery(wanted, order, page, size, place)


def read_filter(request: Request, viewer: Principal, known: tuple[str, ...] = FILTERS) -> TaskFilter:
    """The filters of a query that may hold the `known` parameters and no others. Raises Invalid likewise."""
    require_known(request, known, repeatable=("status",))
    query = request.query_params
    assignee = query.get("assignee")
    return TaskFilter(
        statuses=cast(frozenset[Status], choices(request, "status", _STATUSES)),
        category=_label(request, "category"),
        tag=_label(request, "tag"),
        assignee_id=None if assignee == "none" else _person(request, "assignee", viewer, "an id, `me` or `none`"),
        is_unassigned=assignee == "none",
        creator_id=_person(request, "creator", viewer, "an id or `me`"),
        text=search_text(request, "q"),
    )


def _label(request: Request, name: str) -> str | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    # a category is stored without the spaces around it
    label = given.strip()
    if len(label) > MAX_LABEL or "\x00" in label:
        raise _invalid(name, f"has at most {MAX_LABEL} characters")
    return label


def _person(request: Request, name: str, viewer: Principal, allowed: str) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    if given == "me":
        if isinstance(viewer.id, ApplicationId):
            raise _invalid(name, "is me for people alone")
        return viewer.id
    if not (given.isascii() and given.isdigit() and len(given) <= 16 and 0 < int(given) <= MAX_SAFE_INTEGER):
        raise _invalid(name, f"must be {allowed}")
    return int(given)


def _order(request: Request) -> TaskOrder:
    given = request.query_params.get("sort")
    if given is None:
        return TaskOrder()
    key = given.removeprefix("-")
    if key not in _SORTS:
        raise _invalid("sort", f"must be one of {', '.join(_SORTS)}, with a - in front for falling order")
    return TaskOrder(cast(SortKey, key), given.startswith("-"))


def _name(order: TaskOrder) -> str:
    return ("-" if order.is_descending else "") + order.by


def _digest(wanted: TaskFilter) -> str:
    said = [sorted(part) if isinstance(part, frozenset) else part for part in astuple(wanted)]
    return hashlib.sha256(dumps(said)).hexdigest()[:12]


def _place(cursor: str, wanted: TaskFilter, order: TaskOrder) -> tuple[Place, int]:
    """The place a cursor stands for, and the number of the page that starts there."""
    try:
        if len(cursor) > _MAX_CURSOR:
            raise ValueError("too long for one of ours")
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        sort, digest, value, last_id, page = loads_untrusted(raw)
        if sort != _name(order):
            raise _invalid("cursor", "belongs to another sort: start again without it")
        if digest != _digest(wanted):
            raise _invalid("cursor", "belongs to other filters: start again without it")
        return Place(_READERS[order.by](value), _whole(last_id)), _whole(page)
    except (ValueError, TypeError, OverflowError, MalformedRequest):
        raise _invalid("cursor", "is not one this API gave out: start again without it") from None


def _to_json(value: Any) -> Any:
    return (value - _EPOCH) // _MILLISECOND if isinstance(value, datetime) else value


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a whole number")
    return value


def _title(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TITLE:
        raise ValueError("not a title")
    return value


_READERS: Final[Mapping[SortKey, Callable[[Any], Any]]] = MappingProxyType(
    {
        "createdAt": _whole,
        "updatedAt": lambda value: _EPOCH + _whole(value) * _MILLISECOND,
        "title": _title,
        "status": _whole,
    }
)


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError(field, message)])
