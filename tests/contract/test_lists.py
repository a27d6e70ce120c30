"""`GET /api/tasks`: its shape, its pages, its cursor."""

import pytest

from tests.contract.conftest import Board
from tests.support.api import Api


async def _with_tasks(board: Board, count: int) -> tuple[Api, list[int]]:
    """Somebody who sees exactly `count` tasks, and their ids, newest first."""
    me, employee = await board.employee()
    ids = [(await board.admin.new_task(title=f"{i}", assignedToUserId=me))["id"] for i in range(count)]
    return employee, ids[::-1]


async def test_a_list_has_the_documented_members_and_no_others(board: Board) -> None:
    employee, ids = await _with_tasks(board, 1)
    answer = await employee.get("/api/tasks")
    assert answer.body.keys() == {"success", "data"}
    task = (await employee.get(f"/api/tasks/{ids[0]}")).data
    assert answer.data == {"tasks": [task], "total": 1, "page": 1, "pageSize": 20, "nextCursor": None}


async def test_a_walk_by_cursor_shows_the_same_as_a_walk_by_page(board: Board) -> None:
    employee, ids = await _with_tasks(board, 7)
    by_page = [
        task["id"]
        for page in range(1, 5)
        for task in (await employee.get(f"/api/tasks?page={page}&pageSize=3")).data["tasks"]
    ]
    by_cursor: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        query = f"&cursor={cursor}" if cursor else ""
        found = (await employee.get(f"/api/tasks?pageSize=3{query}")).data
        assert found["total"] == 7
        by_cursor += [task["id"] for task in found["tasks"]]
        cursor = found["nextCursor"]
    assert by_page == by_cursor == ids


async def test_a_cursor_neither_repeats_nor_misses_when_tasks_come_and_go(board: Board) -> None:
    employee, ids = await _with_tasks(board, 6)
    first = (await employee.get("/api/tasks?pageSize=3")).data
    await board.admin.new_task(
        assignedToUserId=(await board.admin.get(f"/api/tasks/{ids[0]}")).data["assignedToUserId"]
    )
    await board.admin.delete(f"/api/tasks/{ids[2]}")
    rest = (await employee.get(f"/api/tasks?pageSize=3&cursor={first['nextCursor']}")).data
    assert [task["id"] for task in rest["tasks"]] == ids[3:]
    assert rest["nextCursor"] is None


async def test_the_last_page_when_it_is_exactly_full_has_no_cursor(board: Board) -> None:
    employee, ids = await _with_tasks(board, 3)
    found = (await employee.get("/api/tasks?pageSize=3")).data
    assert ([task["id"] for task in found["tasks"]], found["nextCursor"]) == (ids, None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=1e3", "page"),
        ("page=", "page"),
        ("page=99999999999999999999", "page"),
        ("page=%EF%BC%91", "page"),
        ("pageSize=101", "pageSize"),
        ("pageSize=ten", "pageSize"),
        ("pageSize=1%00", "pageSize"),
        ("cursor=", "cursor"),
        ("cursor=abc", "cursor"),
        ("cursor=%FF%FE", "cursor"),
        ("cursor=YmVmb3JlOi0x", "cursor"),
        ("cursor=YWZ0ZXI6MQ==", "cursor"),
    ],
)
async def test_a_query_out_of_range_is_refused_by_name(board: Board, query: str, field: str) -> None:
    answer = await board.admin.get(f"/api/tasks?{query}")
    assert answer.status == 422
    assert answer.fields_at_fault == [field]


async def test_a_page_past_the_end_is_empty(board: Board) -> None:
    employee, _ = await _with_tasks(board, 1)
    found = (await employee.get("/api/tasks?page=1000")).data
    assert (found["tasks"], found["total"], found["page"], found["nextCursor"]) == ([], 1, 1000, None)
