"""What every door reads from a path and a query: ids, numbers, versions, and the page of a list by falling id."""

import base64
import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from shared.errors import FieldError, Invalid, NotFound

DEFAULT_PAGE_SIZE: Final = 20
MAX_PAGE_SIZE: Final = 100
MAX_PAGE: Final = 1_000
MAX_TEXT: Final = 200
MAX_VERSION: Final = 2**31 - 1
_MAX_NAMED: Final = 10
_CURSOR: Final = re.compile(r"before:([0-9]{1,16}):([0-9]{1,16})")


def path_id(request: Request, name: str = "id") -> int:
    """The id in the path. What is no id names nothing: NotFound."""
    given: str = request.path_params[name]
    if not _is_id(given):
        raise NotFound
    return int(given)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 16 and 0 < int(text) < 2**53


def number(request: Request, name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most` in the query. Raises Invalid naming it."""
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) <= 10 and 1 <= int(given) <= most):
        raise Invalid(errors=[FieldError(name, f"must be a whole number from 1 to {most}")])
    return int(given)


def search_text(request: Request, name: str) -> str | None:
    """Text to look for. Raises Invalid naming it."""
    given = request.query_params.get(name)
    if given is not None and (not 1 <= len(given) <= MAX_TEXT or "\x00" in given):
        raise Invalid(errors=[FieldError(name, f"must be 1 to {MAX_TEXT} characters")])
    return given


def require_known(request: Request, known: tuple[str, ...], repeatable: tuple[str, ...] = ()) -> None:
    """Raise Invalid for a parameter that a list does not have, or has twice: a mistyped filter would show it all."""
    names = [name for name, _ in request.query_params.multi_items()]
    faults = {name: f"is not known here; known: {', '.join(known)}" for name in names if name not in known}
    faults |= {name: "is given more than once" for name in known if name not in repeatable and names.count(name) > 1}
    if faults:
        raise Invalid(errors=[FieldError(name[:50], means) for name, means in list(faults.items())[:_MAX_NAMED]])


def query_version(request: Request) -> int | None:
    """The version in `?version=`."""
    return number(request, "version", 0, MAX_VERSION) or None


def seen_version(request: Request, in_body: int | None) -> int | None:
    """The version a change was decided on, from the body or the query. Raises Invalid where they say two."""
    from_query = query_version(request)
    if in_body is not None and from_query not in (None, in_body):
        raise Invalid(errors=[FieldError("version", "is not the one in the query")])
    return in_body or from_query


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which page of a list by falling id is asked for: by number, or after `before_id`."""

    number: int
    size: int
    before_id: int | None = None

    def cursor(self, next_before_id: int | None) -> str | None:
        """Where the next page starts, in words that nobody is tempted to count with; None after the last one."""
        if next_before_id is None:
            return None
        return base64.urlsafe_b64encode(f"before:{next_before_id}:{self.number + 1}".encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class NumberedPage:
    """Which page of a list is asked for, by number alone."""

    number: int
    size: int


def numbered_page(request: Request, size_name: str = "size") -> NumberedPage:
    """`?page=&size=`, 1 and 10 by themselves. Raises Invalid naming the one that is wrong."""
    return NumberedPage(number(request, "page", 1, MAX_PAGE), number(request, size_name, 10, MAX_PAGE_SIZE))


def optional_id(request: Request, name: str) -> int | None:
    """An id in the query. Raises Invalid naming it."""
    given = request.query_params.get(name)
    if given is None:
        return None
    if not _is_id(given):
        raise Invalid(errors=[FieldError(name, "must be an id")])
    return int(given)


def choices(request: Request, name: str, known: Collection[str]) -> frozenset[str]:
    """Some of what is known, repeated or separated by commas; none where none is named. Raises Invalid."""
    given = [part for said in request.query_params.getlist(name) for part in said.split(",")]
    if not set(given) <= set(known):
        raise Invalid(errors=[FieldError(name, f"must be of {', '.join(known)}; several are separated by commas")])
    return frozenset(given)


def page_asked(request: Request, size_name: str = "pageSize", size_by_default: int = DEFAULT_PAGE_SIZE) -> PageAsked:
    """`?page=&pageSize=` or `?cursor=&pageSize=`. Raises Invalid naming the one that is wrong."""
    size = number(request, size_name, size_by_default, MAX_PAGE_SIZE)
    page_number = number(request, "page", 1, MAX_PAGE)
    given = request.query_params.get("cursor")
    if given is None:
        return PageAsked(page_number, size)
    if "page" in request.query_params:
        raise Invalid(errors=[FieldError("page", "cannot be given with a cursor, which says where the page starts")])
    try:
        raw = base64.b64decode(given.encode() + b"=" * (-len(given) % 4), b"-_", validate=True)
        if match := _CURSOR.fullmatch(raw.decode()):
            return PageAsked(int(match[2]), size, int(match[1]))
    except (binascii.Error, UnicodeError):
        pass
    raise Invalid(errors=[FieldError("cursor", "is not one this API gave out: start again without it")])
