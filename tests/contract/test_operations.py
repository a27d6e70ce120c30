"""`Prefer: respond-async` on the writes of `/api/tasks`, and `GET /api/operations/{id}`."""

import re
import uuid
from typing import Any

import pytest

from tests.contract.conftest import PASSWORD, Board
from tests.support.api import Answer, Api
from tests.support.eventually import eventually

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def _operation_of(answer: Answer) -> str:
    """Where to ask what became of a write that was answered 202 as documented."""
    assert answer.status == 202, answer
    assert answer.data.keys() == {"operationId", "status"}
    assert answer.data["status"] == "accepted"
    assert re.fullmatch(r"[0-9a-f]{32}", answer.data["operationId"])
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.headers["Location"] == f"/api/operations/{answer.data['operationId']}"
    assert "ETag" not in answer.headers
    return answer.headers["Location"]


async def _ended(api: Api, answer: Answer) -> dict[str, Any]:
    """The operation once it has its outcome."""
    where = _operation_of(answer)

    async def outcome() -> Any:
        found = await api.get(where)
        assert (found.data["status"] == "accepted") == ("Retry-After" in found.headers)
        return found.data if found.data["status"] != "accepted" else None

    operation: dict[str, Any] = await eventually(outcome, what="the outcome")
    return operation


async def test_a_write_is_stored_first_and_then_applied(board: Board, key: str) -> None:
    operation = await _ended(
        board.other, await board.admin("POST", "/api/tasks", {"title": key, "tag": "x"}, headers=ASYNC)
    )
    task = operation["result"]
    assert (task["title"], task["tag"], task["createdByUserId"]) == (key, "x", board.admin_id)
    assert operation.keys() == {
        *("operationId", "type", "status", "createdAt", "endedAt", "statusCode", "result", "error"),
    }
    assert (operation["type"], operation["status"], operation["statusCode"]) == ("create-task", "applied", 201)
    assert operation["error"] is None
    assert operation["createdAt"] <= operation["endedAt"]
    assert (await board.admin.get(f"/api/tasks/{task['id']}")).data == task


async def test_a_change_and_a_delete_can_be_put_off_too(board: Board) -> None:
    path = f"/api/tasks/{(await board.admin.new_task())['id']}"
    change = {"title": "put off", "version": 1}
    changed = await _ended(board.admin, await board.admin("PATCH", path, change, headers=ASYNC))
    assert (changed["type"], changed["statusCode"], changed["result"]["version"]) == ("update-task", 200, 2)
    deleted = await _ended(board.admin, await board.admin("DELETE", f"{path}?version=2", headers=ASYNC))
    assert (deleted["type"], deleted["statusCode"]) == ("delete-task", 200)
    assert "deletedAt" in deleted["result"]
    assert (await board.admin.get(path)).status == 404


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ({"title": "x", "version": 9}, {}, 409, "version_conflict"),
        ({"title": "x"}, {"If-Match": '"v9"'}, 412, "precondition_failed"),
    ],
)
async def test_a_refusal_is_told_as_it_would_have_been_answered(
    board: Board, body: dict[str, Any], headers: dict[str, str], status: int, code: str
) -> None:
    task = await board.admin.new_task()
    path = f"/api/tasks/{task['id']}"
    plain = await board.admin("PATCH", path, body, headers=headers | {"X-Request-Id": "r-1"})
    assert plain.status == status
    later = await board.admin("PATCH", path, body, headers=headers | ASYNC | {"X-Request-Id": "r-1"})
    operation = await _ended(board.admin, later)
    assert (operation["status"], operation["statusCode"], operation["result"]) == ("refused", status, None)
    assert operation["error"] == plain.body
    assert (plain.body["errorCode"], plain.body["current"]) == (code, task)


async def test_a_refusal_is_worded_in_the_language_of_who_reads_it(board: Board) -> None:
    answer = await board.admin("PATCH", "/api/tasks/9007199254740991", {"title": "x"}, headers=ASYNC)
    await _ended(board.admin, answer)
    english = await board.admin.get(_operation_of(answer), Accept_Language="en")
    chinese = await board.admin.get(_operation_of(answer), Accept_Language="zh-CN")
    assert (english.data["error"]["message"], chinese.data["error"]["message"]) == ("Not found", "资源不存在")


async def test_what_is_wrong_with_the_request_itself_is_said_at_once(board: Board) -> None:
    _, employee = await board.employee()
    for api, body, status in ((board.admin, {"title": ""}, 422), (employee, {"title": "x"}, 403)):
        answer = await api("POST", "/api/tasks", body, headers=ASYNC)
        assert answer.status == status
        assert "Preference-Applied" not in answer.headers
    assert (await board.stranger("POST", "/api/tasks", {"title": "x"}, headers=ASYNC)).status == 401


async def test_an_operation_is_there_for_its_own_person_only(board: Board) -> None:
    me, employee = await board.employee()
    path = f"/api/tasks/{(await board.admin.new_task(assignedToUserId=me))['id']}"
    mine = await employee("PATCH", path, {"title": "mine"}, headers=ASYNC)
    await _ended(employee, mine)
    for other in (board.admin, (await board.employee())[1]):
        answer = await other.get(_operation_of(mine))
        assert (answer.status, answer.body["errorCode"]) == (404, "not_found")
    assert (await board.stranger.get(_operation_of(mine))).status == 401


@pytest.mark.parametrize("bad", ["0" * 32, "0" * 31, "x", "1", "A" * 32, "%00", "0" * 64])
async def test_what_is_no_operation_is_not_found(board: Board, bad: str) -> None:
    assert (await board.admin.get(f"/api/operations/{bad}")).status == 404


async def test_the_same_key_is_the_same_operation_through_either_node_and_either_way(board: Board, key: str) -> None:
    body, headers = {"title": key}, ASYNC | {"Idempotency-Key": key}
    first = await board.admin("POST", "/api/tasks", body, headers=headers)
    again = await board.other("POST", "/api/tasks", body, headers=headers)
    operation = await _ended(board.admin, first)
    later = await board.other("POST", "/api/tasks", body, headers=headers)
    plain = await board.other("POST", "/api/tasks", body, headers={"Idempotency-Key": key})
    assert {_operation_of(answer) for answer in (first, again, later)} == {_operation_of(first)}
    assert later.headers["Idempotency-Replayed"] == "true"
    assert (plain.status, plain.data) == (201, operation["result"])
    assert "Preference-Applied" not in plain.headers
    assert (await board.admin.get(f"/api/tasks?q={key}")).data["total"] == 1
    other = await board.admin("POST", "/api/tasks", body | {"tag": "x"}, headers=headers)
    assert (other.status, other.body["errorCode"]) == (422, "idempotency_mismatch")
    assert key not in first.raw.decode()


async def test_a_refused_operation_stays_refused_under_its_key(board: Board, key: str) -> None:
    path = f"/api/tasks/{(await board.admin.new_task())['id']}"
    change = {"title": "x", "version": 2}
    first = await board.admin("PATCH", path, change, headers=ASYNC | {"Idempotency-Key": key})
    await _ended(board.admin, first)
    await board.admin.patch(path, {"tag": "now it is version 2"})
    plain = await board.admin.patch(path, change, Idempotency_Key=key)
    again = await board.admin("PATCH", path, change, headers=ASYNC | {"Idempotency-Key": key})
    assert (plain.status, plain.body["outcome"]) == (409, "not_applied")
    assert _operation_of(again) == _operation_of(first)
    assert (await board.admin.get(path)).data["version"] == 2


async def test_where_nothing_can_be_put_off_the_preference_is_ignored(board: Board, key: str) -> None:
    credentials = {"email": f"{key}@example.com", "password": PASSWORD}
    registered = await board.stranger("POST", "/api/auth/register", credentials, headers=ASYNC)
    listed = await board.admin("GET", "/api/tasks?pageSize=1", headers=ASYNC)
    assert (registered.status, listed.status) == (201, 200)
    assert "Preference-Applied" not in registered.headers
