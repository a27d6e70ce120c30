"""Departments and roles beyond their own rows: what uses them, who may still administer."""

from collections import Counter
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, func, or_, select

from queue_service.domain.workingset import Uses
from queue_service.store import jobs
from queue_service.store.session import Transaction
from shared.db.tables import application, department, execution_unit, role, task_table, user_table
from shared.organisation import ADMINISTRATOR, ON

MOST_ADMINISTRATORS: Final = 10_000


async def administrators(tx: Transaction) -> tuple[dict[int, int], set[int]]:
    """The accounts with the built-in role that are on, each with its department; and which of those are off."""
    user = user_table.c
    wanted = (
        select(user.id, user.department_id, department.c.enabled)
        .join(role, role.c.id == user.role_id)
        .join(department, department.c.id == user.department_id)
        .where(role.c.code == ADMINISTRATOR, user.status == ON, user.deleted_at.is_(None))
        .limit(MOST_ADMINISTRATORS)
    )
    found = (await tx.execute(wanted)).all()
    return {row.id: row.department_id for row in found}, {row.department_id for row in found if row.enabled != ON}


async def stationed(tx: Transaction, paths: Collection[str]) -> Counter[tuple[int, int]]:
    """How many people are on, by department and role, in the departments of these paths and below."""
    user = user_table.c
    wanted = (
        select(user.department_id, user.role_id, func.count().label("people"))
        .join(department, department.c.id == user.department_id)
        .where(or_(*(department.c.path.startswith(path) for path in paths)))
        .where(user.status == ON, user.deleted_at.is_(None))
        .group_by(user.department_id, user.role_id)
    )
    found = (await tx.execute(wanted)).all()
    return Counter({(row.department_id, row.role_id): int(row.people) for row in found})


async def uses_of_department(tx: Transaction, department_id: int) -> Uses:
    """What is in a department, and right below it."""
    return Uses(
        departments=await _count(tx, department, department.c.parent_id == department_id),
        users=await _count(tx, user_table, user_table.c.department_id == department_id),
        tasks=await _count(tx, task_table, task_table.c.department_id == department_id),
        applications=await _count(tx, application, application.c.department_id == department_id),
        jobs=await jobs.unfinished(tx, department_id),
        units=await _count(tx, execution_unit, execution_unit.c.department_id == department_id),
    )


async def uses_of_role(tx: Transaction, role_id: int) -> Uses:
    """Who has a role, and where they are."""
    user = user_table.c
    wanted = (
        select(user.department_id, func.count().label("people"))
        .where(user.role_id == role_id, user.deleted_at.is_(None))
        .group_by(user.department_id)
    )
    found = (await tx.execute(wanted)).all()
    return Uses(holders={row.department_id: int(row.people) for row in found})


async def _count(tx: Transaction, table: Table, condition: ColumnElement[bool]) -> int:
    wanted: Any = select(func.count()).select_from(table).where(condition, table.c.deleted_at.is_(None))
    return int((await tx.execute(wanted)).scalar_one())
