"""Reading applications, each with where it stands and the secrets of its keys."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api_node.queries.departments import in_departments_of
from api_node.queries.tasks import COUNT_CAP
from shared.applications import Application, ApplicationSecret
from shared.db.applications import IN_DEPARTMENTS, OF_AN_APPLICATION, OF_ITS_PLACE, placed_of
from shared.db.tables import application, application_secret
from shared.organisation import Place
from shared.principal import Principal

_c = application.c
_secret = application_secret.c


@dataclass(frozen=True, slots=True)
class KnownApplication:
    """The rows of one moment. `secrets` are all there ever were, the revoked ones, too."""

    application: Application
    place: Place
    secrets: Sequence[ApplicationSecret]


@dataclass(frozen=True, slots=True)
class ApplicationPage:
    """One page, newest first."""

    applications: Sequence[KnownApplication]
    total: int
    total_is_capped: bool


async def by_id(engine: AsyncEngine, application_id: int) -> KnownApplication | None:
    """The application, deleted or not; None when there never was one."""
    async with engine.connect() as connection:
        found = await _read(connection, _c.id == application_id)
    return found[0] if found else None


async def page(
    engine: AsyncEngine,
    viewer: Principal,
    keyword: str | None,
    department_id: int | None,
    *,
    page_size: int,
    page_number: int,
) -> ApplicationPage:
    """A page of the applications of the viewer's department and below; with a keyword those that have it in their name,
    with a department those of exactly that one."""
    conditions: list[ColumnElement[bool]] = [_c.deleted_at.is_(None)]
    if not viewer.is_global:
        conditions.append(in_departments_of(viewer, _c.department_id))
    if keyword is not None:
        conditions.append(_c.name.icontains(keyword, autoescape=True))
    if department_id is not None:
        conditions.append(_c.department_id == department_id)
    asked = and_(*conditions)
    capped = select(_c.id).where(asked).limit(COUNT_CAP + 1).subquery()
    async with engine.connect() as connection:
        found = await _read(connection, asked, page_size=page_size, offset=(page_number - 1) * page_size)
        total = int((await connection.execute(select(func.count()).select_from(capped))).scalar_one())
    return ApplicationPage(found, min(total, COUNT_CAP), total > COUNT_CAP)


async def _read(
    connection: AsyncConnection, condition: ColumnElement[bool], *, page_size: int = 1, offset: int = 0
) -> list[KnownApplication]:
    wanted = select(*OF_AN_APPLICATION, *OF_ITS_PLACE).select_from(IN_DEPARTMENTS).where(condition)
    rows = await connection.execute(wanted.order_by(_c.id.desc()).limit(page_size).offset(offset))
    placed = [placed_of(row) for row in rows]
    secrets = await _secrets(connection, [found.id for found, _ in placed])
    return [KnownApplication(found, place, secrets.get(found.id, [])) for found, place in placed]


async def _secrets(connection: AsyncConnection, ids: Collection[int]) -> Mapping[int, Sequence[ApplicationSecret]]:
    """By the id of the application."""
    found: dict[int, list[ApplicationSecret]] = {}
    if ids:
        wanted = select(application_secret).where(_secret.application_id.in_(ids)).order_by(_secret.id)
        for row in await connection.execute(wanted):
            found.setdefault(row.application_id, []).append(ApplicationSecret(*row))
    return found
