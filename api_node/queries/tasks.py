"""Reading the board, as one person sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.tables import task_table
from shared.model import Task, User
from shared.policy import sees_everything

COUNT_CAP: Final = 10_000
"""A total is counted exactly up to here; counting further would cost more than it tells."""

_c = task_table.c


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One page, newest first. `next_before_id` is where the next page starts; None on the last one."""

    tasks: Sequence[Task]
    total: int
    total_is_capped: bool
    next_before_id: int | None


async def by_id(engine: AsyncEngine, viewer: User, task_id: int) -> Task | None:
    """The task if this person sees it; None for one that is absent, deleted or not theirs to see."""
    async with engine.connect() as connection:
        row = (await connection.execute(select(task_table).where(_c.id == task_id, _visible_to(viewer)))).first()
    return None if row is None else Task(*row)


async def page(
    engine: AsyncEngine, viewer: User, *, page_size: int, page_number: int = 1, before_id: int | None = None
) -> TaskPage:
    """A page of what this person sees, by number or (`before_id`) after the last id of the page before."""
    visible = _visible_to(viewer)
    rows = select(task_table).where(visible).order_by(_c.id.desc()).limit(page_size + 1)
    rows = rows.where(_c.id < before_id) if before_id is not None else rows.offset((page_number - 1) * page_size)
    capped = select(_c.id).where(visible).limit(COUNT_CAP + 1).subquery()
    async with engine.connect() as connection:
        found = [Task(*row) for row in await connection.execute(rows)]
        total = int((await connection.execute(select(func.count()).select_from(capped))).scalar_one())
    has_more = len(found) > page_size
    shown = found[:page_size]
    return TaskPage(shown, min(total, COUNT_CAP), total > COUNT_CAP, shown[-1].id if has_more else None)


def _visible_to(viewer: User) -> ColumnElement[bool]:
    """The SQL of `shared.policy.sees_task`; a test holds the two together."""
    exists = _c.deleted_at.is_(None)
    return exists if sees_everything(viewer) else and_(exists, _c.assigned_to_user_id == viewer.id)
