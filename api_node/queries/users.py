"""Reading accounts, each with where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.queries.departments import in_departments_of
from api_node.queries.tasks import COUNT_CAP
from shared.db.people import OF_A_PLACE, OF_A_USER, Person, person_of, with_places
from shared.db.tables import user_table
from shared.principal import Principal

_c = user_table.c


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which accounts are asked for; the default is all that the viewer sees. `text` is found in the user name, the real
    name or the e-mail, as it is typed. `role_id` and `department_id` are exact."""

    text: str | None = None
    role_id: int | None = None
    department_id: int | None = None


@dataclass(frozen=True, slots=True)
class UserPage:
    """One page, newest first. `next_before_id` is where the next page starts; None on the last one."""

    people: Sequence[Person]
    total: int
    total_is_capped: bool
    next_before_id: int | None


async def by_id(engine: AsyncEngine, user_id: int) -> Person | None:
    """The account, deleted or not; None when there never was one."""
    return await _one(engine, _c.id == user_id)


async def by_login_name(engine: AsyncEngine, name: str) -> Person | None:
    """The account of a user name or an e-mail as it is stored (lower case). Both are one namespace."""
    return await _one(engine, or_(_c.username == name, _c.email == name))


async def page(
    engine: AsyncEngine,
    viewer: Principal,
    wanted: UserFilter,
    *,
    page_size: int,
    page_number: int = 1,
    before_id: int | None = None,
) -> UserPage:
    """A page of the accounts of the viewer's department and below, by number or (`before_id`) after the last id of the
    page before."""
    asked = _matching(viewer, wanted)
    rows = select(*OF_A_USER, *OF_A_PLACE).select_from(with_places(user_table)).where(asked)
    rows = rows.order_by(_c.id.desc()).limit(page_size + 1)
    rows = rows.where(_c.id < before_id) if before_id is not None else rows.offset((page_number - 1) * page_size)
    capped = select(_c.id).where(asked).limit(COUNT_CAP + 1).subquery()
    async with engine.connect() as connection:
        found = [person_of(row) for row in await connection.execute(rows)]
        total = int((await connection.execute(select(func.count()).select_from(capped))).scalar_one())
    has_more = len(found) > page_size
    shown = found[:page_size]
    return UserPage(shown, min(total, COUNT_CAP), total > COUNT_CAP, shown[-1][0].id if has_more else None)


def _matching(viewer: Principal, wanted: UserFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [_c.deleted_at.is_(None)]
    if not viewer.is_global:
        conditions.append(in_departments_of(viewer, _c.department_id))
    if wanted.text is not None:
        names = (_c.username, _c.real_name, _c.email)
        conditions.append(or_(*(name.icontains(wanted.text, autoescape=True) for name in names)))
    if wanted.role_id is not None:
        conditions.append(_c.role_id == wanted.role_id)
    if wanted.department_id is not None:
        conditions.append(_c.department_id == wanted.department_id)
    return and_(*conditions)


async def _one(engine: AsyncEngine, condition: ColumnElement[bool]) -> Person | None:
    wanted = select(*OF_A_USER, *OF_A_PLACE).select_from(with_places(user_table)).where(condition)
    async with engine.connect() as connection:
        row = (await connection.execute(wanted)).first()
    return None if row is None else person_of(row)
