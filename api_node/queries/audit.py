"""Reading the audit log, as one person sees it: administrators all of it, others what is about their department and
below."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.queries.departments import in_departments_of
from api_node.queries.tasks import COUNT_CAP
from shared.audit import AuditEntry
from shared.db.tables import audit_entry, audit_seal
from shared.principal import Principal

_c = audit_entry.c
EXPORTED_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are asked for; the default is all. `user_id` and `application_id`: who did it. `since` is included,
    `until` is not; the rest is exact."""

    user_id: int | None = None
    application_id: int | None = None
    action: str | None = None
    entity: str | None = None
    entity_id: int | None = None
    department_id: int | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


SealedEntry = tuple[AuditEntry, str | None]
"""An entry and its seal, if it has one by now."""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page, newest first."""

    entries: Sequence[SealedEntry]
    total: int
    total_is_capped: bool


async def page(
    engine: AsyncEngine, viewer: Principal, wanted: AuditFilter, *, page_size: int, page_number: int
) -> AuditPage:
    """A page of what the viewer sees, by number."""
    asked = _matching(viewer, wanted)
    rows = _rows(asked).order_by(_c.id.desc()).limit(page_size).offset((page_number - 1) * page_size)
    capped = select(_c.id).where(asked).limit(COUNT_CAP + 1).subquery()
    async with engine.connect() as connection:
        found = [_sealed(row) for row in await connection.execute(rows)]
        total = int((await connection.execute(select(func.count()).select_from(capped))).scalar_one())
    return AuditPage(found, min(total, COUNT_CAP), total > COUNT_CAP)


async def last_id(engine: AsyncEngine) -> int:
    """The id of the newest entry; 0 when there is none."""
    async with engine.connect() as connection:
        return int((await connection.execute(select(func.coalesce(func.max(_c.id), 0)))).scalar_one())


async def after(
    engine: AsyncEngine, viewer: Principal, wanted: AuditFilter, *, after_id: int, up_to_id: int
) -> Sequence[SealedEntry]:
    """The next EXPORTED_AT_ONCE of what the viewer sees, oldest first; fewer at the end."""
    asked = and_(_matching(viewer, wanted), _c.id > after_id, _c.id <= up_to_id)
    async with engine.connect() as connection:
        found = await connection.execute(_rows(asked).order_by(_c.id).limit(EXPORTED_AT_ONCE))
        return [_sealed(row) for row in found]


def _rows(asked: ColumnElement[bool]) -> Select[Any]:
    with_seals = audit_entry.outerjoin(audit_seal, audit_seal.c.entry_id == _c.id)
    return select(*audit_entry.columns, audit_seal.c.seal).select_from(with_seals).where(asked)


def _sealed(row: Any) -> SealedEntry:
    *columns, seal = row
    return AuditEntry(*columns), seal


def _matching(viewer: Principal, wanted: AuditFilter) -> ColumnElement[bool]:
    exact = {
        _c.action: wanted.action,
        _c.entity: wanted.entity,
        _c.entity_id: wanted.entity_id,
        _c.department_id: wanted.department_id,
        _c.request_id: wanted.request_id,
    }
    conditions = [column == value for column, value in exact.items() if value is not None]
    for kind, actor_id in (("user", wanted.user_id), ("application", wanted.application_id)):
        if actor_id is not None:
            conditions += [_c.actor_id == actor_id, _c.actor_kind == kind]
    if not viewer.is_global:
        conditions.append(in_departments_of(viewer, _c.department_id))
    if wanted.since is not None:
        conditions.append(_c.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(_c.at < wanted.until)
    return and_(True, *conditions)
