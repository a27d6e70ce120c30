"""Reading accounts."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.queries.tasks import COUNT_CAP
from shared.db.tables import user_table
from shared.model import Role, User

_c = user_table.c


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which accounts are asked for; the default is all of them. `text` is found in the e-mail, as it is typed."""

    text: str | None = None
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class UserPage:
    """One page, newest first. `next_before_id` is where the next page starts; None on the last one."""

    users: Sequence[User]
    total: int
    total_is_capped: bool
    next_before_id: int | None


async def by_id(engine: AsyncEngine, user_id: int) -> User | None:
    """The account, deleted or not; None when there never was one."""
    return await _one(engine, _c.id == user_id)


async def by_email(engine: AsyncEngine, email: str) -> User | None:
    """The account of an e-mail address as it is stored (lower case)."""
    return await _one(engine, _c.email == email)


async def page(
    engine: AsyncEngine,
    wanted: UserFilter,
    *,
    page_size: int,
    page_number: int = 1,
    before_id: int | None = None,
) -> UserPage:
    """A page of the accounts that are there, by number or (`before_id`) after the last id of the page before."""
    asked = _matching(wanted)
    rows = select(user_table).where(asked).order_by(_c.id.desc()).limit(page_size + 1)
    rows = rows.where(_c.id < before_id) if before_id is not None else rows.offset((page_number - 1) * page_size)
    capped = select(_c.id).where(asked).limit(COUNT_CAP + 1).subquery()
    async with engine.connect() as connection:
        found = [User(*row) for row in await connection.execute(rows)]
        total = int((await connection.execute(select(func.count()).select_from(capped))).scalar_one())
    has_more = len(found) > page_size
    shown = found[:page_size]
    return UserPage(shown, min(total, COUNT_CAP), total > COUNT_CAP, shown[-1].id if has_more else None)


def _matching(wanted: UserFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [_c.deleted_at.is_(None)]
    if wanted.text is not None:
        # e-mails are stored in lower case
        conditions.append(_c.email.contains(wanted.text.lower(), autoescape=True))
    if wanted.role is not None:
        conditions.append(_c.role == wanted.role)
    return and_(*conditions)


async def _one(engine: AsyncEngine, condition: ColumnElement[bool]) -> User | None:
    async with engine.connect() as connection:
        row = (await connection.execute(select(user_table).where(condition))).first()
    return None if row is None else User(*row)
