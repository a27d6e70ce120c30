"""The SQL that lists the board and the rule that guards one task say the same of every person and every task."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.queries.tasks import _visible_to
from shared.db.database import writer_engine
from shared.db.tables import department, task_table, user_table
from shared.model import Task
from shared.permissions import Permission
from shared.policy import sees_task
from tests.support.databases import Database
from tests.support.people import NOW, account, administrator, employee, manager

PATHS = {1: "/1/", 2: "/1/2/", 3: "/1/2/3/", 12: "/1/12/", 21: "/21/"}
PEOPLE = range(1, 4)
PERSON = st.sampled_from(PEOPLE)


@st.composite
def _task(draw: st.DrawFn) -> Task:
    return Task(
        id=draw(st.integers(1, 2**40)),
        title="x",
        category=None,
        tag=None,
        description=None,
        status="todo",
        created_by_user_id=draw(PERSON),
        assigned_to_user_id=draw(st.none() | PERSON),
        department_id=draw(st.sampled_from(sorted(PATHS))),
        version=1,
        created_at=NOW,
        updated_at=NOW,
        deleted_at=draw(st.none() | st.just(NOW)),
    )


VIEWERS = [
    *(make(user_id) for make in (administrator, employee) for user_id in PEOPLE),
    *(manager(1, path, Permission.BOARD_VIEW) for path in PATHS.values()),
    replace(employee(1), sees_assigned_only=False),
]


@pytest.fixture
def engine(database: Database) -> AsyncEngine:
    return writer_engine(database.url)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(board=st.lists(_task(), max_size=12, unique_by=lambda task: task.id))
async def test_the_sql_and_the_rule_agree(engine: AsyncEngine, board: list[Task]) -> None:
    async with engine.connect() as connection:
        await connection.execute(delete(task_table))
        await connection.execute(delete(user_table))
        await connection.execute(delete(department).where(department.c.id != 1))
        stamps = {"created_at": NOW, "updated_at": NOW, "name": "x"}
        below = [{"id": i, "path": path, **stamps} for i, path in PATHS.items() if i != 1]
        await connection.execute(insert(department), below)
        await connection.execute(insert(user_table), [_columns(account(i)) for i in PEOPLE])
        if board:
            await connection.execute(insert(task_table), [_columns(task) for task in board])
        for viewer in VIEWERS:
            found = await connection.execute(select(task_table.c.id).where(_visible_to(viewer)))
            seen = {task.id for task in board if sees_task(viewer, task, PATHS[task.department_id])}
            assert set(found.scalars()) == seen, viewer
        await connection.rollback()


def _columns(row: object) -> dict[str, object]:
    return {name: getattr(row, name) for name in type(row).__slots__}  # type: ignore[attr-defined]
