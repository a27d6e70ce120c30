"""Reading roles and permissions: they are the same for every department."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.grants import granted_ids, ids_of
from shared.db.tables import permission, role, role_permission
from shared.organisation import PermissionRow, Role

_c = role.c
_COLUMNS: Final = tuple(role.columns)
_GRANTS: Final = (
    granted_ids(role_permission.c.role_id),
    granted_ids(role_permission.c.role_id, only_enabled=True),
)


@dataclass(frozen=True, slots=True)
class RolePage:
    """One page, the oldest first."""

    roles: Sequence[Role]
    total: int


async def by_id(engine: AsyncEngine, role_id: int) -> Role | None:
    """The role; None for one that is absent or deleted."""
    async with engine.connect() as connection:
        row = (await connection.execute(_existing().where(_c.id == role_id))).first()
    return None if row is None else _role(row)


async def page(engine: AsyncEngine, keyword: str | None, *, page_size: int, page_number: int) -> RolePage:
    """A page of the roles that are there; with a keyword of those that have it in their name."""
    wanted = _existing()
    if keyword is not None:
        wanted = wanted.where(_c.name.icontains(keyword, autoescape=True))
    count = select(func.count()).select_from(wanted.with_only_columns(_c.id).subquery())
    rows = wanted.order_by(_c.id).limit(page_size).offset((page_number - 1) * page_size)
    async with engine.connect() as connection:
        found = [_role(row) for row in await connection.execute(rows)]
        total = int((await connection.execute(count)).scalar_one())
    return RolePage(found, total)


async def permissions(engine: AsyncEngine) -> Sequence[PermissionRow]:
    """All of them, in the order of their ids."""
    async with engine.connect() as connection:
        rows = await connection.execute(select(permission).order_by(permission.c.id))
        return [PermissionRow(*row) for row in rows]


def _existing() -> Select[Any]:
    return select(*_COLUMNS, *_GRANTS).where(_c.deleted_at.is_(None))


def _role(row: Sequence[Any]) -> Role:
    of_role, granted = row[: len(_COLUMNS)], row[len(_COLUMNS) :]
    return Role(*of_role, *map(ids_of, granted))
