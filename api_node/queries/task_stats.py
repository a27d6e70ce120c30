"""Counting the board, as one person sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, String, cast, func, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.queries.tasks import TaskFilter, matching
from shared.db.tables import task_table
from shared.principal import Principal

GROUPS: Final = 100
"""Categories and assignees that are told one by one, those with most tasks first; the rest is told as one number."""

_c = task_table.c


@dataclass(frozen=True, slots=True)
class Counts:
    """Tasks by one of their members. `without`: those that have none; `others`: those beyond the first GROUPS."""

    by_name: Mapping[str, int]
    without: int
    others: int


@dataclass(frozen=True, slots=True)
class TaskStats:
    """One moment of the board: the counts of each kind add up to `total`."""

    total: int
    by_status: Mapping[str, int]
    by_category: Counts
    by_assignee: Counts


async def stats(engine: AsyncEngine, viewer: Principal, wanted: TaskFilter) -> TaskStats:
    """Count what this person sees and asks for. One statement, so that all counts are of the same moment."""
    asked = matching(viewer, wanted)
    parts = [_largest(kind, column, asked).subquery() for kind, column in _KINDS.items()]
    found: dict[str, dict[str | None, int]] = {kind: {} for kind in _KINDS}
    async with engine.connect() as connection:
        for kind, name, tasks in await connection.execute(union_all(*(select(part) for part in parts))):
            found[kind][name] = int(tasks)
    total = sum(found["status"].values())
    by_status = {name: tasks for name, tasks in found["status"].items() if name is not None}
    return TaskStats(total, by_status, _counts(found["category"], total), _counts(found["assignee"], total))


_KINDS: Final[Mapping[str, ColumnElement[Any]]] = {
    "status": _c.status,
    # an empty category is none, as in the filter
    "category": func.nullif(_c.category, ""),
    "assignee": _c.assigned_to_user_id,
}


def _largest(kind: str, column: ColumnElement[Any], asked: ColumnElement[bool]) -> Select[Any]:
    """The groups with most tasks, and before them the one of the tasks that have no value."""
    tasks = func.count().label("tasks")
    name = column.label("name")
    grouped = select(name, tasks).where(asked).group_by(name)
    group = grouped.order_by(name.is_not(null()), tasks.desc(), name).limit(GROUPS + 1).subquery()
    return select(literal(kind).label("kind"), cast(group.c.name, String(255)).label("name"), group.c.tasks)


def _counts(groups: Mapping[str | None, int], total: int) -> Counts:
    by_name = dict([(name, tasks) for name, tasks in groups.items() if name is not None][:GROUPS])
    without = groups.get(None, 0)
    return Counts(by_name, without, total - without - sum(by_name.values()))
