"""The words in which jobs are asked for, `?q=`: terms that must all hold, and text.

    status:FAILED,CANCELLED type:send_* queue:mail unit:worker-1 tag:monthly error:"no route" after:2h report

`status`, `type`, `queue`, `unit` and `group` (a `failureGroup`) take several values, of which one has to be it, by
commas or by repeating the term; those but `status` may end with `*`. Every `tag:`, every `error:` (text in the last
error) and every word besides (text in the name) must be there. `after:` and `before:` are about when a job was
submitted: an instant, a day, or a time ago (`90s`, `15m`, `2h`, `7d`). What has a space, a comma or a colon in it
stands in double quotes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, get_args

from api_node.queries.jobs import Beginning, JobFilter
from shared.errors import FieldError, Invalid
from shared.jobs import JobStatus

MAX_LENGTH: Final = 500

_TERM: Final = re.compile(r'(?:([A-Za-z]+):)?((?:"[^"]*"|[^\s"])*)')
_VALUE: Final = re.compile(r'"([^"]*)"|([^,]+)')
_AGO: Final = re.compile(r"^([0-9]{1,9})([smhd])$")
_UNITS: Final[Mapping[str, str]] = MappingProxyType({"s": "seconds", "m": "minutes", "h": "hours", "d": "days"})


@dataclass(frozen=True, slots=True)
class _Term:
    """One term: its key (empty: text), its values, and how it was written."""

    key: str
    values: tuple[str, ...]


def read_query(asked: str, wanted: JobFilter, now: datetime) -> JobFilter:
    """`wanted`, and what the query asks for besides. Raises Invalid saying what is wrong with it."""
    if len(asked) > MAX_LENGTH or "\x00" in asked:
        raise _invalid(f"takes at most {MAX_LENGTH} characters")
    for term in _terms(asked):
        read = _READERS.get(term.key)
        if read is None:
            known = ", ".join(f"{key}:" for key in _READERS if key)
            raise _invalid(f'{term.key}: is no term; there are {known} (put text with a colon into "quotes")')
        wanted = read(wanted, term, now)
    return wanted


def _terms(asked: str) -> list[_Term]:
    if asked.count('"') % 2:
        raise _invalid('has a " without its other half')
    found = []
    for match in _TERM.finditer(asked):
        if match[0]:
            values = _values(match[2]) if match[1] else (match[2].replace('"', ""),)
            if not any(values):
                raise _invalid(f"{match[1] or match[0]}: names nothing")
            found.append(_Term((match[1] or "").lower(), tuple(filter(None, values))))
    return found


def _values(written: str) -> tuple[str, ...]:
    """What stands between commas. A star at the end that is not quoted stands for whatever comes."""
    return tuple(quoted or _beginning_or_all(bare) for quoted, bare in _VALUE.findall(written))


def _beginning_or_all(bare: str) -> str:
    return Beginning(bare[:-1]) if bare.endswith("*") else bare


def _status(wanted: JobFilter, term: _Term, _: datetime) -> JobFilter:
    given = {value.upper() for value in term.values}
    if not given <= set(get_args(JobStatus)):
        raise _invalid(f"status: is one of {', '.join(get_args(JobStatus))}")
    return replace(wanted, statuses=wanted.statuses | given)


def _when(which: str) -> Callable[[JobFilter, _Term, datetime], JobFilter]:
    def read(wanted: JobFilter, term: _Term, now: datetime) -> JobFilter:
        found: dict[str, Any] = {which: _instant(term, now)}
        return replace(wanted, **found)

    return read


def _some(which: str) -> Callable[[JobFilter, _Term, datetime], JobFilter]:
    """Values of which one has to be it, or all of them, as the filter says."""

    def read(wanted: JobFilter, term: _Term, _: datetime) -> JobFilter:
        more: dict[str, Any] = {which: (*getattr(wanted, which), *term.values)}
        return replace(wanted, **more)

    return read


def _instant(term: _Term, now: datetime) -> datetime:
    [value] = term.values if len(term.values) == 1 else [""]
    if match := _AGO.match(value):
        try:
            return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _invalid(f"{term.key}: takes an instant, a day (2026-01-31), or a time ago (90s, 15m, 2h, 7d)") from None


_READERS: Final[Mapping[str, Callable[[JobFilter, _Term, datetime], JobFilter]]] = MappingProxyType(
    {
        "status": _status,
        "type": _some("task_types"),
        "queue": _some("queues"),
        "unit": _some("units"),
        "group": _some("groups"),
        "tag": _some("tags"),
        "error": _some("errors"),
        "after": _when("created_after"),
        "before": _when("created_before"),
        "": _some("words"),
    }
)


def _invalid(message: str) -> Invalid:
    return Invalid(errors=[FieldError("q", message)])
