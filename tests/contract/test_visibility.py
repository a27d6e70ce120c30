"""What an employee sees and may do: what is assigned to them, and not a byte about the rest."""

from typing import Any

from shared.permissions import Permission
from tests.contract.conftest import Board
from tests.support.api import Answer
from tests.support.organisation import Organisation

ABSENT = 2**52


async def test_an_employee_sees_only_what_is_assigned_to_them(board: Board) -> None:
    me, employee = await board.employee()
    mine = [await board.admin.new_task(title=f"mine {i}", assignedToUserId=me) for i in range(2)]
    other = await board.admin.new_task()
    listed = (await employee.get("/api/tasks")).data
    assert [task["id"] for task in listed["tasks"]] == [mine[1]["id"], mine[0]["id"]]
    assert listed["total"] == 2
    assert (await employee.get(f"/api/tasks/{mine[0]['id']}")).data == mine[0]
    assert (await employee.get(f"/api/tasks/{other['id']}")).status == 404
    everything = (await board.admin.get("/api/tasks?pageSize=100")).data
    assert {mine[0]["id"], mine[1]["id"], other["id"]} <= {task["id"] for task in everything["tasks"]}


async def test_an_unseen_task_is_answered_like_one_that_never_was(board: Board) -> None:
    _, employee = await board.employee()
    unseen = (await board.admin.new_task())["id"]
    deleted = (await board.admin.new_task())["id"]
    await board.admin.delete(f"/api/tasks/{deleted}")
    for method, body in (("GET", None), ("PATCH", {"title": "x", "version": 9}), ("DELETE", None)):
        answers = [await employee(method, f"/api/tasks/{i}", body) for i in (unseen, deleted, ABSENT)]
        assert {answer.status for answer in answers} == {403 if method == "DELETE" else 404}
        assert len({_all_but_the_request_id(answer) for answer in answers}) == 1


async def test_an_employee_changes_what_is_theirs_and_nothing_else(board: Board) -> None:
    me, employee = await board.employee()
    task = await board.admin.new_task(assignedToUserId=me)
    path = f"/api/tasks/{task['id']}"
    changed = await employee.patch(path, {"status": "in-review", "version": 1})
    assert (changed.status, changed.data["status"]) == (200, "in-review")
    assert (await employee.delete(path)).status == 403
    assert (await employee.post("/api/tasks", {"title": "mine"})).status == 403
    await board.admin.patch(path, {"assignedToUserId": None})
    assert (await employee.patch(path, {"status": "done"})).status == 404
    assert (await board.admin.get(path)).data["status"] == "in-review"


async def test_a_conflict_on_an_unseen_task_shows_nothing_of_it(board: Board) -> None:
    _, employee = await board.employee()
    task = await board.admin.new_task(title="not for everyone")
    answer = await employee.patch(f"/api/tasks/{task['id']}", {"title": "x"}, If_Match='"v7"')
    assert answer.status == 404
    assert "not for everyone" not in answer.raw.decode()


async def test_nobody_can_be_assigned_who_is_elsewhere_but_for_who_sent_the_task(board: Board) -> None:
    make = Organisation(board.admin)
    here, elsewhere = await make.department(), await make.department()
    me = await make.somebody(here, (Permission.BOARD_VIEW, Permission.BOARD_CREATE, Permission.BOARD_UPDATE))
    colleague, stranger = [(await make.account(place, me.role_id))["id"] for place in (here, elsewhere)]
    sent = await board.admin.new_task(assignedToUserId=me.id)
    for method, path in (("POST", "/api/tasks"), ("PATCH", f"/api/tasks/{sent['id']}")):
        answers = [await me.api(method, path, {"title": "x", "assignedToUserId": i}) for i in (stranger, ABSENT)]
        assert {answer.status for answer in answers} == {422}
        assert len({_all_but_the_request_id(answer) for answer in answers}) == 1
    path = f"/api/tasks/{sent['id']}"
    assert (await me.api.patch(path, {"assignedToUserId": me.id})).status == 200
    assert (await me.api.patch(path, {"assignedToUserId": sent["createdByUserId"]})).status == 200
    assert (await me.api.new_task(assignedToUserId=colleague))["assignedToUserId"] == colleague


def _all_but_the_request_id(answer: Answer) -> tuple[Any, ...]:
    body = answer.raw.replace(answer.headers["X-Request-Id"].encode(), b"-")
    headers = {k: v for k, v in answer.headers.items() if k.lower() not in ("date", "x-request-id")}
    return (answer.status, body, tuple(sorted(headers.items())))
