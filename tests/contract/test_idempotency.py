"""`Idempotency-Key`: one effect however often a request is sent, through whichever node."""

import asyncio
import uuid

import pytest

from tests.contract.conftest import PASSWORD, Board


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


async def test_the_same_request_under_a_key_answers_the_same_through_the_other_node(board: Board, key: str) -> None:
    first = await board.admin.post("/api/tasks", {"title": key}, Idempotency_Key=key)
    again = await board.other.post("/api/tasks", {"title": key}, Idempotency_Key=key)
    assert (first.status, again.status) == (201, 201)
    assert again.data == first.data
    assert "Idempotency-Replayed" not in first.headers
    assert (again.headers["Idempotency-Replayed"], again.headers["ETag"]) == ("true", '"v1"')


async def test_a_key_may_be_quoted_or_bare(board: Board, key: str) -> None:
    bare = await board.admin.post("/api/tasks", {"title": key}, Idempotency_Key=key)
    quoted = await board.admin.post("/api/tasks", {"title": key}, Idempotency_Key=f'"{key}"')
    assert quoted.data["id"] == bare.data["id"]


async def test_twenty_at_once_under_one_key_are_one_task(board: Board, key: str) -> None:
    nodes = (board.admin, board.other)
    sent = [nodes[i % 2].post("/api/tasks", {"title": key}, Idempotency_Key=key) for i in range(20)]
    assert len({answer.data["id"] for answer in await asyncio.gather(*sent)}) == 1


async def test_a_key_is_good_for_one_request_only(board: Board, key: str) -> None:
    task = (await board.admin.post("/api/tasks", {"title": "one"}, Idempotency_Key=key)).data
    others = [
        await board.admin.post("/api/tasks", {"title": "two"}, Idempotency_Key=key),
        await board.admin.post("/api/tasks?x=1", {"title": "one"}, Idempotency_Key=key),
        await board.admin.patch(f"/api/tasks/{task['id']}", {"title": "one"}, Idempotency_Key=key),
        await board.admin.post("/api/tasks", {"title": "one"}, Idempotency_Key=key, If_Match='"v1"'),
    ]
    assert [(answer.status, answer.body["errorCode"]) for answer in others] == [(422, "idempotency_mismatch")] * 4
    assert (await board.admin.get(f"/api/tasks/{task['id']}")).data == task


async def test_two_people_may_use_the_same_key(board: Board, key: str) -> None:
    me, employee = await board.employee()
    task = await board.admin.new_task(assignedToUserId=me)
    path = f"/api/tasks/{task['id']}"
    mine = await employee.patch(path, {"tag": "x"}, Idempotency_Key=key)
    theirs = await board.admin.patch(path, {"tag": "x"}, Idempotency_Key=key)
    assert (mine.data["version"], theirs.data["version"]) == (2, 3)


@pytest.mark.parametrize("bad", ["", '""', "a b", "é", "x" * 256, "tab\there"])
async def test_a_malformed_key_is_refused_by_name(board: Board, bad: str) -> None:
    answer = await board.admin.post("/api/tasks", {"title": "x"}, Idempotency_Key=bad)
    assert answer.status == 422
    assert answer.fields_at_fault == ["Idempotency-Key"]


async def test_a_key_of_the_greatest_length_is_taken(board: Board, key: str) -> None:
    assert (await board.admin.post("/api/tasks", {"title": "x"}, Idempotency_Key=key.ljust(255, "~"))).status == 201


async def test_a_refusal_is_not_kept_under_the_key(board: Board, key: str) -> None:
    path = f"/api/tasks/{(await board.admin.new_task())['id']}"
    early = await board.admin.patch(path, {"title": "x", "version": 2}, Idempotency_Key=key)
    await board.admin.patch(path, {"tag": "now it is version 2"})
    later = await board.admin.patch(path, {"title": "x", "version": 2}, Idempotency_Key=key)
    assert (early.status, later.status) == (409, 200)


async def test_registering_again_under_a_key_lets_the_same_person_in(board: Board, key: str) -> None:
    credentials = {"email": f"{key}@example.com", "password": PASSWORD}
    first = await board.stranger.post("/api/auth/register", credentials, Idempotency_Key=key)
    again = await board.stranger.post("/api/auth/register", credentials, Idempotency_Key=key)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.data["user"] == first.data["user"]
    listed = await board.stranger("GET", "/api/tasks", headers={"Authorization": f"Bearer {again.data['token']}"})
    assert listed.status == 200


async def test_registering_again_under_a_key_with_another_password_lets_nobody_in(board: Board, key: str) -> None:
    credentials = {"email": f"{key}@example.com", "password": PASSWORD}
    await board.stranger.post("/api/auth/register", credentials, Idempotency_Key=key)
    wrong = await board.stranger.post(
        "/api/auth/register", credentials | {"password": "another password"}, Idempotency_Key=key
    )
    assert (wrong.status, wrong.body["errorCode"]) == (422, "idempotency_mismatch")
    assert "token" not in wrong.raw.decode()
