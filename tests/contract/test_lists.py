"""`GET /api/tasks`: its shape, its pages, its cursor."""

import uuid
from urllib.parse import quote

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
        ("page=1&page=2", "page"),
        ("Status=todo", "Status"),
        ("asignee=me", "asignee"),
        ("status=", "status"),
        ("status=open", "status"),
        ("status=todo,open", "status"),
        ("status=todo&status=TODO", "status"),
        ("assignee=", "assignee"),
        ("assignee=0", "assignee"),
        ("assignee=nobody", "assignee"),
        ("assignee=9007199254740992", "assignee"),
        ("creator=none", "creator"),
        ("creator=-1", "creator"),
        (f"category={'x' * 51}", "category"),
        ("tag=%00", "tag"),
        ("q=", "q"),
        ("q=%00", "q"),
        (f"q={'x' * 201}", "q"),
        ("sort=", "sort"),
        ("sort=id", "sort"),
        ("sort=--title", "sort"),
        ("sort=title,status", "sort"),
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


async def _titles(api: Api, query: str) -> list[str]:
    return [task["title"] for task in (await api.get(f"/api/tasks?{query}")).data["tasks"]]


async def test_filters_keep_what_they_name(board: Board) -> None:
    me, employee = await board.employee()
    for title, fields in {
        "a": {"status": "todo", "category": "开发", "tag": "x"},
        "b": {"status": "in-review", "category": "开发"},
        "c": {"status": "done"},
    }.items():
        await board.admin.new_task(title=title, assignedToUserId=me, **fields)
    for query, titles in {
        "status=todo": "a",
        "status=todo,done": "ca",
        "status=todo&status=in-review": "ba",
        "category=%E5%BC%80%E5%8F%91": "ba",
        "category=": "c",
        "tag=x": "a",
        "tag=": "cb",
        "category=%20%E5%BC%80%E5%8F%91%20&tag=": "b",
        "assignee=me": "cba",
        f"assignee={me}&status=cancelled": "",
        "assignee=none": "",
        "creator=me": "",
        f"creator={board.admin_id}": "cba",
        "sort=title": "abc",
        "sort=-title": "cba",
        "sort=createdAt": "abc",
        "sort=-status": "cba",
        "sort=-updatedAt&pageSize=1": "c",
    }.items():
        assert await _titles(employee, query) == list(titles), query


async def test_nobody_is_assigned_and_i_am_the_creator(board: Board) -> None:
    category = uuid.uuid4().hex
    task = await board.admin.new_task(category=category)
    for query in ("assignee=none", "creator=me", f"creator={board.admin_id}"):
        found = (await board.admin.get(f"/api/tasks?category={category}&{query}")).data
        assert ([t["id"] for t in found["tasks"]], found["total"]) == ([task["id"]], 1)
    assert await _titles(board.admin, f"category={category}&assignee=me") == []


async def test_text_is_found_as_it_is_typed_in_either_case(board: Board) -> None:
    me, employee = await board.employee()
    for title, description in (
        ("100% done", None),
        ("100 days", "登录 page"),
        ("snake_case", "a\\b"),
        ("snakeXcase", ""),
    ):
        await board.admin.new_task(title=title, description=description, assignedToUserId=me)
    for text, titles in {
        "100%": ["100% done"],
        "snake_case": ["snake_case"],
        "SNAKE": ["snakeXcase", "snake_case"],
        "登录": ["100 days"],
        "Page": ["100 days"],
        "\\": ["snake_case"],
        "nothing like it": [],
    }.items():
        assert await _titles(employee, f"q={quote(text)}") == titles, text


async def test_an_employee_finds_only_what_is_theirs(board: Board) -> None:
    _, employee = await board.employee()
    word = uuid.uuid4().hex
    await board.admin.new_task(title=word, category=word)
    for query in (f"q={word}", f"category={word}", f"creator={board.admin_id}", "assignee=none"):
        found = (await employee.get(f"/api/tasks?{query}")).data
        assert (found["tasks"], found["total"]) == ([], 0), query


async def test_a_cursor_is_good_for_its_own_list_only(board: Board) -> None:
    employee, _ = await _with_tasks(board, 3)
    for sort in ("createdAt", "-updatedAt", "title", "-status"):
        start = f"pageSize=1&status=todo&sort={sort}"
        first = (await employee.get(f"/api/tasks?{start}")).data
        second = (await employee.get(f"/api/tasks?{start}&cursor={first['nextCursor']}")).data
        third = (await employee.get(f"/api/tasks?{start}&cursor={second['nextCursor']}")).data
        assert [page["page"] for page in (first, second, third)] == [1, 2, 3]
        assert len({page["tasks"][0]["id"] for page in (first, second, third)}) == 3
        assert third["nextCursor"] is None
        cursor = first["nextCursor"]
        for other, means in (
            (f"status=todo&sort=title&cursor={cursor}X", "not one this API gave out"),
            (f"status=todo&sort=-title&cursor={cursor}", "another sort"),
            (f"status=done&sort={sort}&cursor={cursor}", "other filters"),
            (f"sort={sort}&cursor={cursor}", "other filters"),
        ):
            refused = await employee.get(f"/api/tasks?{other}")
            assert (refused.status, refused.fields_at_fault) == (422, ["cursor"]), other
            if not other.endswith("X"):
                assert means in refused.body["errors"][0]["message"]


async def test_a_page_number_is_not_taken_beside_a_cursor(board: Board) -> None:
    employee, _ = await _with_tasks(board, 2)
    cursor = (await employee.get("/api/tasks?pageSize=1")).data["nextCursor"]
    answer = await employee.get(f"/api/tasks?pageSize=1&page=2&cursor={cursor}")
    assert (answer.status, answer.fields_at_fault) == (422, ["page"])


async def test_every_unknown_parameter_is_named(board: Board) -> None:
    answer = await board.admin.get("/api/tasks?stauts=todo&page=1&order=asc")
    assert (answer.status, answer.fields_at_fault) == (422, ["stauts", "order"])
