"""Versions: in the body, in the query, in If-Match and ETag; who is told what when somebody else was first."""

import asyncio

import pytest

from tests.contract.conftest import Board

STALE = {"title": "late", "version": 1}


async def test_a_conflict_speaks_the_language_that_was_asked_for(board: Board) -> None:
    task = await board.admin.new_task()
    path = f"/api/tasks/{task['id']}"
    await board.admin.patch(path, {"title": "first"})
    said = {
        language: (await board.admin.patch(path, STALE, Accept_Language=language)).body["message"]
        for language in ("", "zh-CN,zh;q=0.9,en;q=0.8", "en-GB", "fr, en;q=0.1", "de")
    }
    chinese, english = (
        "任务已被其他人修改，请刷新后重试",
        "Somebody else changed it first: look at the current state and try again",
    )
    assert said == {
        "": chinese,
        "zh-CN,zh;q=0.9,en;q=0.8": chinese,
        "en-GB": english,
        "fr, en;q=0.1": english,
        "de": chinese,
    }


async def test_a_conflict_says_everything_a_client_needs_to_decide_again(board: Board) -> None:
    task = await board.admin.new_task()
    path = f"/api/tasks/{task['id']}"
    current = (await board.admin.patch(path, {"title": "first"})).data
    answer = await board.admin.patch(path, STALE, X_Request_Id="seen-by-me")
    assert answer.status == 409
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body == {
        "error": True,
        "statusCode": 409,
        "message": "任务已被其他人修改，请刷新后重试",
        "errorCode": "version_conflict",
        "requestId": "seen-by-me",
        "retryable": False,
        "outcome": "not_applied",
        "current": current,
    }


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("query", "header", "status"),
    [("?version=1", None, 409), ("", '"v1"', 412), ("?version=2", None, 200), ("", '"v2"', 200), ("", "*", 200)],
)
async def test_a_version_is_checked_wherever_it_is_given(
    board: Board, method: str, query: str, header: str | None, status: int
) -> None:
    task = await board.admin.new_task()
    path = f"/api/tasks/{task['id']}"
    current = (await board.admin.patch(path, {"title": "first"})).data
    headers = {"If-Match": header} if header else {}
    answer = await board.admin(method, path + query, {"tag": "x"} if method == "PATCH" else None, headers=headers)
    assert answer.status == status
    if status == 200:
        assert answer.headers["ETag"] == '"v3"'
        assert answer.data["version"] == 3
    else:
        assert answer.body["current"] == current


@pytest.mark.parametrize(
    "header", ['W/"v1"', "v1", '"v0"', '"1"', '"v1", "v2"', '"v99999999999"', '"v１"'.encode().decode("latin-1")]
)
async def test_an_if_match_that_is_no_tag_of_ours_matches_nothing(board: Board, header: str) -> None:
    task = await board.admin.new_task()
    answer = await board.admin.patch(f"/api/tasks/{task['id']}", {"tag": "x"}, If_Match=header)
    assert (answer.status, answer.body["errorCode"]) == (412, "precondition_failed")


async def test_two_versions_in_one_request_must_agree(board: Board) -> None:
    path = f"/api/tasks/{(await board.admin.new_task())['id']}"
    for answer in (
        await board.admin.patch(path, {"tag": "x", "version": 2}, If_Match='"v1"'),
        await board.admin.patch(f"{path}?version=2", {"tag": "x", "version": 1}),
    ):
        assert answer.status == 422
        assert answer.fields_at_fault == ["version"]
    assert (await board.admin.patch(f"{path}?version=1", {"tag": "x", "version": 1}, If_Match='"v1"')).status == 200


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [('"v1"', 304), ('W/"v1"', 304), ('"v9", "v1"', 304), ("*", 304), ('"v2"', 200), ("v1", 200)],
)
async def test_a_read_is_spared_when_nothing_changed(board: Board, if_none_match: str, status: int) -> None:
    path = f"/api/tasks/{(await board.admin.new_task())['id']}"
    answer = await board.other.get(path, If_None_Match=if_none_match)
    assert (answer.status, answer.headers["ETag"]) == (status, '"v1"')
    assert (answer.raw == b"") is (status == 304)


async def test_fifty_writers_with_one_version_through_both_nodes_have_one_winner(board: Board) -> None:
    path = f"/api/tasks/{(await board.admin.new_task())['id']}"
    nodes = (board.admin, board.other)
    answers = await asyncio.gather(*(nodes[i % 2].patch(path, {"title": f"by {i}", "version": 1}) for i in range(50)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 49
    final = (await board.admin.get(path)).data
    assert final["version"] == 2
    assert all(answer.body["current"] == final for answer in answers if answer.status == 409)


async def test_a_write_without_a_version_is_the_last_word(board: Board) -> None:
    path = f"/api/tasks/{(await board.admin.new_task())['id']}"
    versions = [(await board.admin.patch(path, {"tag": str(i)})).data["version"] for i in range(3)]
    assert versions == [2, 3, 4]
