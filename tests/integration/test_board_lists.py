"""Lists and counts of the board against the same done by hand: filters, orders, pages, cursors, stats."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.queries.task_stats import GROUPS, Counts, stats
from api_node.queries.tasks import SortKey, TaskFilter, TaskOrder, page
from shared.db.database import writer_engine
from shared.db.tables import task_table, user_table
from shared.model import Status, Task, User
from shared.policy import sees_task
from shared.principal import Principal
from tests.support.databases import Database
from tests.support.people import NOW, account, administrator, employee

PEOPLE = range(1, 4)
PERSON = st.sampled_from(PEOPLE)
LABEL = st.sampled_from([None, "", "dev", "DEV", "测试"])
WORD = st.sampled_from(["Fix", "fix", "100%", "a_b", "a\\b", "/", "登录", "x", "Zürich"])
ORDERS = [TaskOrder(key, is_descending) for key in get_args(SortKey) for is_descending in (False, True)]

per_board = settings(
    max_examples=30,
    deadline=None,
    # each example fills a database: shrinking one that failed would take minutes
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def _task(draw: st.DrawFn) -> Task:
    return Task(
        id=draw(st.integers(1, 2**40)),
        title=" ".join(draw(st.lists(WORD, min_size=1, max_size=3))),
        category=draw(LABEL),
        tag=draw(LABEL),
        description=draw(st.none() | WORD),
        status=draw(st.sampled_from(get_args(Status))),
        created_by_user_id=draw(PERSON),
        assigned_to_user_id=draw(st.none() | PERSON),
        department_id=1,
        version=1,
        created_at=NOW,
        # few instants, so that many tasks share one
        updated_at=NOW + timedelta(milliseconds=draw(st.integers(0, 3))),
        deleted_at=draw(st.sampled_from([None, None, None, NOW])),
    )


BOARD = st.lists(_task(), max_size=25, unique_by=lambda task: task.id)
FILTER = st.builds(
    TaskFilter,
    statuses=st.frozensets(st.sampled_from(get_args(Status)), max_size=2),
    category=st.none() | st.sampled_from(["", "dev", "absent"]),
    tag=st.none() | st.sampled_from(["", "dev"]),
    assignee_id=st.none() | PERSON,
    is_unassigned=st.sampled_from([False, False, True]),
    creator_id=st.none() | PERSON,
    text=st.none() | st.sampled_from(["fix", "FIX", "%", "_", "\\", "/", "x", "登", "a_b", "00%"]),
)


VIEWERS = [administrator(1), employee(2)]
PLAIN = Task(
    id=1,
    title="x",
    category=None,
    tag=None,
    description=None,
    status="todo",
    created_by_user_id=1,
    assigned_to_user_id=None,
    department_id=1,
    version=1,
    created_at=NOW,
    updated_at=NOW,
    deleted_at=None,
)
"""A task whose title matches a wildcard and nothing else that is searched for."""


def _is_wanted(task: Task, wanted: TaskFilter) -> bool:
    text = (wanted.text or "").lower()
    return all(
        (
            not wanted.statuses or task.status in wanted.statuses,
            wanted.category is None or (task.category or "") == wanted.category,
            wanted.tag is None or (task.tag or "") == wanted.tag,
            wanted.assignee_id in (None, task.assigned_to_user_id),
            not wanted.is_unassigned or task.assigned_to_user_id is None,
            wanted.creator_id in (None, task.created_by_user_id),
            text in task.title.lower() or text in (task.description or "").lower(),
        )
    )


def _asked(board: Sequence[Task], viewer: Principal, wanted: TaskFilter) -> list[Task]:
    return [task for task in board if sees_task(viewer, task, "/1/") and _is_wanted(task, wanted)]


def _sorted(tasks: Sequence[Task], order: TaskOrder) -> list[int]:
    def key(task: Task) -> tuple[Any, int]:
        by = {
            "createdAt": task.id,
            "updatedAt": task.updated_at,
            "title": task.title,
            "status": get_args(Status).index(task.status),
        }
        return by[order.by], task.id

    return [task.id for task in sorted(tasks, key=key, reverse=order.is_descending)]


@pytest.fixture
def engine(database: Database) -> AsyncEngine:
    return writer_engine(database.url)


async def _fill(engine: AsyncEngine, board: Sequence[Task]) -> None:
    async with engine.begin() as connection:
        await connection.execute(delete(task_table))
        await connection.execute(delete(user_table))
        await connection.execute(insert(user_table), [_columns(account(i)) for i in PEOPLE])
        if board:
            await connection.execute(insert(task_table), [_columns(task) for task in board])


def _columns(row: User | Task) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__slots__}


@per_board
@given(board=BOARD, wanted=FILTER, size=st.integers(1, 4))
@example(board=[PLAIN], wanted=TaskFilter(text="%"), size=1)
@example(board=[PLAIN], wanted=TaskFilter(text="_"), size=1)
async def test_a_walk_visits_each_task_that_is_asked_for_once_and_in_order(
    engine: AsyncEngine, board: list[Task], wanted: TaskFilter, size: int
) -> None:
    await _fill(engine, board)
    for viewer in VIEWERS:
        asked = _asked(board, viewer, wanted)
        for order in ORDERS:
            expected = _sorted(asked, order)
            seen: list[int] = []
            found = await page(engine, viewer, wanted, order, page_size=size)
            while True:
                assert (found.total, found.total_is_capped) == (len(asked), False)
                seen += [task.id for task in found.tasks]
                if found.next is None:
                    break
                found = await page(engine, viewer, wanted, order, page_size=size, after=found.next)
            assert seen == expected


async def test_a_walk_gets_through_tasks_that_sort_the_same(engine: AsyncEngine) -> None:
    await _fill(engine, [_plain(n, None) for n in range(1, 8)])
    for order in ORDERS:
        seen: list[int] = []
        found = await page(engine, VIEWERS[0], TaskFilter(), order, page_size=2)
        while found.next is not None:
            seen += [task.id for task in found.tasks]
            found = await page(engine, VIEWERS[0], TaskFilter(), order, page_size=2, after=found.next)
        assert seen + [task.id for task in found.tasks] == sorted(range(1, 8), reverse=order.is_descending)


@per_board
@given(board=BOARD, wanted=FILTER, size=st.integers(1, 4), number=st.integers(1, 8))
async def test_a_page_by_number_is_that_part_of_the_list(
    engine: AsyncEngine, board: list[Task], wanted: TaskFilter, size: int, number: int
) -> None:
    await _fill(engine, board)
    viewer, order = VIEWERS[0], TaskOrder("title", is_descending=False)
    expected = _sorted(_asked(board, viewer, wanted), order)
    found = await page(engine, viewer, wanted, order, page_size=size, page_number=number)
    assert [task.id for task in found.tasks] == expected[(number - 1) * size : number * size]
    assert found.total == len(expected)


@per_board
@given(board=BOARD, wanted=FILTER)
async def test_the_stats_are_what_counting_by_hand_gives(
    engine: AsyncEngine, board: list[Task], wanted: TaskFilter
) -> None:
    await _fill(engine, board)
    for viewer in VIEWERS:
        asked = _asked(board, viewer, wanted)
        found = await stats(engine, viewer, wanted)
        assert found.total == len(asked)
        assert found.by_status == Counter(task.status for task in asked)
        assert found.by_category == _counted(task.category or None for task in asked)
        assert found.by_assignee == _counted(
            None if task.assigned_to_user_id is None else str(task.assigned_to_user_id) for task in asked
        )


def _counted(names: Iterator[str | None]) -> Counts:
    counter = Counter(names)
    without = counter.pop(None, 0)
    return Counts({str(name): count for name, count in counter.items()}, without, 0)


def _plain(task_id: int, category: str | None) -> Task:
    return Task(task_id, "x", category, None, None, "todo", 1, None, 1, 1, NOW, NOW, None)


async def test_past_a_hundred_categories_the_smallest_are_told_as_one_number(engine: AsyncEngine) -> None:
    names = [None] * 7 + [f"big {n}" for n in range(GROUPS)] * 2 + [f"small {n}" for n in range(5)]
    await _fill(engine, [_plain(n, name) for n, name in enumerate(names, 1)])
    found = await stats(engine, VIEWERS[0], TaskFilter())
    expected = Counts({f"big {n}": 2 for n in range(GROUPS)}, 7, 5)
    assert (found.by_category, found.total) == (expected, 212)


async def test_a_total_is_counted_up_to_its_cap(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_node.queries.tasks.COUNT_CAP", 5)
    everything, newest = TaskFilter(), TaskOrder()
    for count, total, is_capped in ((5, 5, False), (6, 5, True)):
        await _fill(engine, [_plain(n, None) for n in range(1, count + 1)])
        for size in (2, 10):
            found = await page(engine, VIEWERS[0], everything, newest, page_size=size)
            assert (found.total, found.total_is_capped) == (total, is_capped), (count, size)
