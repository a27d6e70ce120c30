"""Reading the tree of departments, as one person sees it."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.tables import department
from shared.organisation import Department
from shared.principal import Principal

_c = department.c

MOST: Final = 10_000
"""Departments that one list shows."""


def in_departments_of(viewer: Principal, department_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a row is in a department that exists for the viewer: the SQL of `shared.policy.sees_department`."""
    if viewer.is_global:
        return and_(True)
    # a path is made of digits and slashes: nothing in it is a wildcard
    return department_id.in_(select(_c.id).where(_c.path.startswith(viewer.path)))


async def by_id(engine: AsyncEngine, viewer: Principal, department_id: int) -> Department | None:
    """The department if this person sees it; None for one that is absent, deleted or not theirs to see."""
    async with engine.connect() as connection:
        row = (await connection.execute(_visible_to(viewer).where(_c.id == department_id))).first()
    return None if row is None else Department(*row)


async def named_like(engine: AsyncEngine, viewer: Principal, keyword: str | None) -> Sequence[Department]:
    """Those this person sees, the top of the tree first; with a keyword those that have it in their name."""
    wanted = _visible_to(viewer).order_by(_c.path).limit(MOST)
    if keyword is not None:
        wanted = wanted.where(_c.name.icontains(keyword, autoescape=True))
    async with engine.connect() as connection:
        return [Department(*row) for row in await connection.execute(wanted)]


async def down_to(engine: AsyncEngine, viewer: Principal, path: str) -> Sequence[Department]:
    """The department of a path and all above it, the top of the tree first; those alone that this person sees."""
    ids = [int(part) for part in path.strip("/").split("/")]
    async with engine.connect() as connection:
        wanted = _visible_to(viewer).where(_c.id.in_(ids)).order_by(_c.path)
        return [Department(*row) for row in await connection.execute(wanted)]


def _visible_to(viewer: Principal) -> Select[Any]:
    exists = _c.deleted_at.is_(None)
    return select(department).where(exists if viewer.is_global else and_(exists, _c.path.startswith(viewer.path)))
