"""Reading execution units, as somebody sees them: administrators all of them, others those of their department and
below. A unit's id is its department's: elsewhere another one may have the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.queries.departments import in_departments_of
from api_node.queries.json_lists import is_listed
from api_node.queries.tasks import COUNT_CAP
from shared.db.tables import execution_unit
from shared.principal import Principal
from shared.units import ExecutionUnit

_c = execution_unit.c


@dataclass(frozen=True, slots=True)
class UnitFilter:
    """Which units are asked for; the default is all that the viewer sees. `task_type`: that run this type of job.
    `has_room`: that are ONLINE and, by their last beat, have less work than they can do at once."""

    statuses: frozenset[str] = frozenset()
    task_type: str | None = None
    has_room: bool = False


@dataclass(frozen=True, slots=True)
class UnitPage:
    """One page, newest first. `next_before_id` is where the next page starts; None on the last one."""

    units: Sequence[ExecutionUnit]
    total: int
    total_is_capped: bool
    next_before_id: int | None


@dataclass(frozen=True, slots=True)
class UnitCounts:
    """Units of one status together."""

    count: int
    capacity: int
    load: int


async def page(
    engine: AsyncEngine,
    viewer: Principal,
    wanted: UnitFilter,
    *,
    page_size: int,
    page_number: int = 1,
    before_id: int | None = None,
) -> UnitPage:
    """A page by number or (`before_id`) after the last id of the page before."""
    asked = _matching(viewer, wanted)
    rows = select(execution_unit).where(asked).order_by(_c.id.desc()).limit(page_size + 1)
    rows = rows.where(_c.id < before_id) if before_id is not None else rows.offset((page_number - 1) * page_size)
    capped = select(_c.id).where(asked).limit(COUNT_CAP + 1).subquery()
    async with engine.connect() as connection:
        found = [ExecutionUnit(*row) for row in await connection.execute(rows)]
        total = int((await connection.execute(select(func.count()).select_from(capped))).scalar_one())
    has_more = len(found) > page_size
    shown = found[:page_size]
    return UnitPage(shown, min(total, COUNT_CAP), total > COUNT_CAP, shown[-1].id if has_more else None)


async def by_name_id(
    engine: AsyncEngine, viewer: Principal, name_id: str, department_id: int | None = None
) -> ExecutionUnit | None:
    """The unit of this id in that department (None: the viewer's own, or else the first below that has one); None when
    the viewer sees no such."""
    wanted = select(execution_unit).where(_visible_to(viewer), _c.name_id == name_id)
    if department_id is not None:
        wanted = wanted.where(_c.department_id == department_id)
    own_first = case((_c.department_id == viewer.who.department_id, 0), else_=1)
    async with engine.connect() as connection:
        row = (await connection.execute(wanted.order_by(own_first, _c.id).limit(1))).first()
    return None if row is None else ExecutionUnit(*row)


async def counts(engine: AsyncEngine, viewer: Principal) -> dict[str, UnitCounts]:
    """By status; one that no unit has is not there."""
    sums = (func.count(), func.sum(_c.capacity), func.sum(_c.current_load))
    wanted = select(_c.status, *sums).where(_visible_to(viewer)).group_by(_c.status)
    async with engine.connect() as connection:
        return {row[0]: UnitCounts(*map(int, row[1:])) for row in await connection.execute(wanted)}


def _matching(viewer: Principal, wanted: UnitFilter) -> ColumnElement[bool]:
    conditions = [_visible_to(viewer)]
    if wanted.statuses:
        conditions.append(_c.status.in_(sorted(wanted.statuses)))
    if wanted.task_type is not None:
        conditions.append(is_listed(wanted.task_type, _c.task_types))
    if wanted.has_room:
        conditions += [_c.status == "ONLINE", _c.current_load < _c.capacity]
    return and_(*conditions)


def _visible_to(viewer: Principal) -> ColumnElement[bool]:
    exists = _c.deleted_at.is_(None)
    return and_(exists, in_departments_of(viewer, _c.department_id))
