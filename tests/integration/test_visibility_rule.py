"""The SQL that lists the board and the rule that guards one task say the same of every person and every task."""

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.queries.tasks import _visible_to
from shared.db.database import writer_engine
from shared.db.tables import task_table, user_table
from shared.model import Role, Task, User
from shared.policy import sees_task
from tests.support.databases import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
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
        department_id=1,
        version=1,
        created_at=NOW,
        updated_at=NOW,
        deleted_at=draw(st.none() | st.just(NOW)),
    )


def _person(user_id: int, role: Role) -> User:
    return User(user_id, f"{user_id}@example.com", "", role, 1, 1, NOW, NOW, None)


@pytest.fixture
def engine(database: Database) -> AsyncEngine:
    return writer_engine(database.url)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(board=st.lists(_task(), max_size=12, unique_by=lambda task: task.id))
async def test_the_sql_and_the_rule_agree(engine: AsyncEngine, board: list[Task]) -> None:
    async with engine.connect() as connection:
        await connection.execute(delete(task_table))
        await connection.execute(delete(user_table))
        await connection.execute(insert(user_table), [_columns(_person(i, "employee")) for i in PEOPLE])
        if board:
            await connection.execute(insert(task_table), [_columns(task) for task in board])
        for role in get_args(Role):
            for viewer in (_person(i, role) for i in PEOPLE):
                found = await connection.execute(select(task_table.c.id).where(_visible_to(viewer)))
                assert set(found.scalars()) == {task.id for task in board if sees_task(viewer, task)}
        await connection.rollback()


def _columns(row: User | Task) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__slots__}
