"""`GET /api/tasks/stats`: how many there are, as one person sees the board."""

import uuid

import pytest

from tests.contract.conftest import Board

NOTHING = {"todo": 0, "in-progress": 0, "in-review": 0, "done": 0, "cancelled": 0}


async def test_an_empty_board_has_all_five_statuses(board: Board) -> None:
    _, employee = await board.employee()
    answer = await employee.get("/api/tasks/stats")
    assert answer.body == {
        "success": True,
        "data": {
            "byStatus": NOTHING,
            "byCategory": {},
            "uncategorised": 0,
            "otherCategories": 0,
            "byAssignee": {},
            "unassigned": 0,
            "otherAssignees": 0,
            "total": 0,
        },
    }


async def test_an_employee_counts_what_is_theirs_and_an_administrator_everything(board: Board) -> None:
    me, employee = await board.employee()
    other, _ = await board.employee()
    category = uuid.uuid4().hex
    await board.admin.new_task(assignedToUserId=me, category=category, status="done")
    await board.admin.new_task(assignedToUserId=me)
    await board.admin.new_task(assignedToUserId=other, category=category)
    await board.admin.new_task(category=category)
    gone = await board.admin.new_task(assignedToUserId=me, category=category)
    await board.admin.delete(f"/api/tasks/{gone['id']}")
    mine = (await employee.get("/api/tasks/stats")).data
    assert mine["byStatus"] == NOTHING | {"todo": 1, "done": 1}
    assert (mine["byCategory"], mine["uncategorised"]) == ({category: 1}, 1)
    assert (mine["byAssignee"], mine["unassigned"]) == ({str(me): 2}, 0)
    assert mine["total"] == 2
    all_of_it = (await board.admin.get(f"/api/tasks/stats?category={category}")).data
    assert all_of_it["byStatus"] == NOTHING | {"todo": 2, "done": 1}
    assert all_of_it["byCategory"] == {category: 3}
    assert all_of_it["byAssignee"] == {str(me): 1, str(other): 1}
    assert (all_of_it["unassigned"], all_of_it["total"]) == (1, 3)


async def test_stats_take_the_filters_of_the_list(board: Board) -> None:
    me, employee = await board.employee()
    for status in ("todo", "todo", "done"):
        await board.admin.new_task(title="a needle", assignedToUserId=me, status=status)
    for query, total in {"status=todo": 2, "q=NEEDLE": 3, "assignee=me": 3, "assignee=none": 0, "tag=x": 0}.items():
        assert (await employee.get(f"/api/tasks/stats?{query}")).data["total"] == total, query


@pytest.mark.parametrize(
    ("query", "field"), [("page=1", "page"), ("sort=title", "sort"), ("status=open", "status"), ("x=1", "x")]
)
async def test_a_parameter_that_stats_do_not_have_is_refused(board: Board, query: str, field: str) -> None:
    answer = await board.admin.get(f"/api/tasks/stats?{query}")
    assert (answer.status, answer.fields_at_fault) == (422, [field])
