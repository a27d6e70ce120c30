"""Reading the board, as one person sees it: one task, or pages of those that are asked for.

Pages go by number or by the place where the page before ended (keyset). Every order ends in the id, so a place is
unique and a walk by it visits each task once, as long as nothing that it is sorted by changes meanwhile.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api_node.queries.departments import in_departments_of
from shared.actor import ApplicationId
from shared.db.tables import task_table
from shared.model import Status, Task
from shared.principal import Principal

COUNT_CAP: Final = 10_000
"""A total is counted exactly up to here; counting further would cost more than it tells."""

SortKey = Literal["createdAt", "updatedAt", "title", "status"]

_c = task_table.c
_RANKS: Final[Mapping[str, int]] = {status: rank for rank, status in enumerate(get_args(Status))}


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks are asked for; the default is all of them.

    `category` and `tag` compare as a whole, and an empty one means "has none". `text` is found in title or
    description as it is typed, without regard to case: of every letter on MySQL and MariaDB, of A to Z on SQLite,
    which knows no other letters' case.
    """

    statuses: frozenset[Status] = frozenset()
    category: str | None = None
    tag: str | None = None
    assignee_id: int | None = None
    is_unassigned: bool = False
    creator_id: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class TaskOrder:
    """How a list is sorted. `createdAt` is the order of creation, which is the order of ids; `title` goes by code
    points, `status` in the board's own order; ties go by id, in the same direction."""

    by: SortKey = "createdAt"
    is_descending: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the value its last task is sorted by, and its id."""

    value: Any
    id: int


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One page. `next` is where the next page starts; None on the last one."""

    tasks: Sequence[Task]
    total: int
    total_is_capped: bool
    next: Place | None


@dataclass(frozen=True, slots=True)
class _Key:
    """What a list is sorted by: in SQL, and of a task that was read."""

    column: ColumnElement[Any]
    of: Callable[[Task], Any]


_KEYS: Final[Mapping[SortKey, _Key]] = {
    "createdAt": _Key(_c.id, lambda task: task.id),
    "updatedAt": _Key(_c.updated_at, lambda task: task.updated_at),
    "title": _Key(_c.title, lambda task: task.title),
    "status": _Key(case(_RANKS, value=_c.status), lambda task: _RANKS[task.status]),
}


async def by_id(engine: AsyncEngine, viewer: Principal, task_id: int) -> Task | None:
    """The task if this person sees it; None for one that is absent, deleted or not theirs to see."""
    async with engine.connect() as connection:
        row = (await connection.execute(select(task_table).where(_c.id == task_id, _visible_to(viewer)))).first()
    return None if row is None else Task(*row)


async def page(
    engine: AsyncEngine,
    viewer: Principal,
    wanted: TaskFilter,
    order: TaskOrder,
    *,
    page_size: int,
    page_number: int = 1,
    after: Place | None = None,
) -> TaskPage:
    """A page of what this person sees, by number or (`after`) from where the page before ended."""
    asked = matching(viewer, wanted)
    skipped = 0 if after else (page_number - 1) * page_size
    rows = select(task_table).where(asked).order_by(*_sorted(order)).limit(page_size + 1)
    rows = rows.where(_comes_after(after, order)) if after else rows.offset(skipped)
    async with engine.connect() as connection:
        found = [Task(*row) for row in await connection.execute(rows)]
        shown = found[:page_size]
        has_more = len(found) > page_size
        # a page that ends the list has counted it; a search that scans the whole board then scans it once
        is_counted = after is None and not has_more and (bool(shown) or page_number == 1)
        total = skipped + len(shown) if is_counted else await _count(connection, asked)
    last = Place(_KEYS[order.by].of(shown[-1]), shown[-1].id) if has_more else None
    return TaskPage(shown, min(total, COUNT_CAP), total > COUNT_CAP, last)


def matching(viewer: Principal, wanted: TaskFilter) -> ColumnElement[bool]:
    """The condition of a list: what this person sees and asks for."""
    conditions = [_visible_to(viewer)]
    if wanted.statuses:
        conditions.append(_c.status.in_(sorted(wanted.statuses)))
    for column, value in ((_c.category, wanted.category), (_c.tag, wanted.tag)):
        if value is not None:
            conditions.append(column == value if value else or_(column.is_(None), column == ""))
    if wanted.is_unassigned:
        conditions.append(_c.assigned_to_user_id.is_(None))
    if wanted.assignee_id is not None:
        conditions.append(_c.assigned_to_user_id == wanted.assignee_id)
    if wanted.creator_id is not None:
        conditions.append(_c.created_by_user_id == wanted.creator_id)
    if wanted.text is not None:
        conditions.append(or_(*(c.icontains(wanted.text, autoescape=True) for c in (_c.title, _c.description))))
    return and_(*conditions)


async def _count(connection: AsyncConnection, asked: ColumnElement[bool]) -> int:
    """How many there are, and one more than the cap where there are more than that."""
    capped: Select[Any] = select(_c.id).where(asked).limit(COUNT_CAP + 1)
    return int((await connection.execute(select(func.count()).select_from(capped.subquery()))).scalar_one())


def _sorted(order: TaskOrder) -> list[ColumnElement[Any]]:
    columns = [_c.id] if order.by == "createdAt" else [_KEYS[order.by].column, _c.id]
    return [column.desc() if order.is_descending else column.asc() for column in columns]


def _comes_after(place: Place, order: TaskOrder) -> ColumnElement[bool]:
    beyond: Callable[[Any, Any], ColumnElement[bool]] = operator.lt if order.is_descending else operator.gt
    if order.by == "createdAt":
        return beyond(_c.id, place.id)
    column = _KEYS[order.by].column
    return or_(beyond(column, place.value), and_(column == place.value, beyond(_c.id, place.id)))


def _visible_to(viewer: Principal) -> ColumnElement[bool]:
    """The SQL of `shared.policy.sees_task`; a test holds the two together."""
    exists = _c.deleted_at.is_(None)
    if viewer.is_global:
        return exists
    if isinstance(viewer.id, ApplicationId):  # nothing is assigned to one
        return and_(exists, in_departments_of(viewer, _c.department_id))
    theirs = _c.assigned_to_user_id == viewer.id
    if viewer.sees_assigned_only:
        return and_(exists, theirs)
    return and_(exists, or_(theirs, in_departments_of(viewer, _c.department_id)))
