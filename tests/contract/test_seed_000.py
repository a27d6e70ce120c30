"""Seed 000's API chapter, request by request as it is printed there, against real processes."""

import re
from typing import Any

from tests.contract.conftest import Board
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.writer import SECRET

INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
CREDENTIALS = {"email": "user@example.com", "password": "password123"}
NEW_TASK = {
    "title": "任务标题",
    "category": "开发",
    "tag": "前端",
    "description": "任务描述",
    "status": "todo",
    "assignedToUserId": 2,
}


async def test_the_queue_services_own_chapter(board: Board, queue_door: Api) -> None:
    health = await queue_door.get("/api/health")
    assert (health.status, health.body) == (200, {"status": "ok"})

    trusted = Api(queue_door.http, SECRET)
    status = await trusted.get("/api/queue/status")
    assert status.status == 200
    assert status.data["queueLength"] == 0
    assert status.data["processing"] is False

    new = {"title": "by the system", "createdByUserId": board.admin_id}
    created = await trusted.post("/api/queue/job", {"type": "create-task", "data": new})
    assert created.status == 201
    assert created.data["title"] == "by the system"
    patch = {"taskId": created.data["id"], "updates": {"status": "done"}}
    changed = await trusted.post("/api/queue/job", {"type": "update-task", "data": patch})
    assert (changed.status, changed.data["status"], changed.data["version"]) == (200, "done", 2)
    delete = {"type": "delete-task", "data": {"taskId": created.data["id"]}}
    deleted = await trusted.post("/api/queue/job", delete)
    assert (deleted.status, deleted.data["id"]) == (200, created.data["id"])
    gone = await trusted.post("/api/queue/job", delete)
    assert (gone.status, gone.body["error"], gone.body["errorCode"]) == (404, True, "not_found")


async def test_the_applications_chapter_from_register_to_delete(cluster: Cluster) -> None:
    stranger = Api(cluster.client())
    registered = await stranger.post("/api/auth/register", CREDENTIALS)
    assert registered.status == 201
    user = registered.data["user"]
    assert (user["id"], user["email"], user["role"]) == (1, "user@example.com", "admin")
    assert INSTANT.match(user["createdAt"])
    assert "password" not in user
    await stranger.post("/api/auth/register", {"email": "second@example.com", "password": "password123"})

    logged_in = await stranger.post("/api/auth/login", CREDENTIALS)
    assert logged_in.status == 200
    assert logged_in.data["user"] == user
    admin = Api(stranger.http, logged_in.data["token"])

    created = await admin.post("/api/tasks", NEW_TASK)
    assert created.status == 201
    assert created.headers["ETag"] == '"v1"'
    task = created.data
    assert {name: task[name] for name in NEW_TASK} == NEW_TASK
    assert (task["id"], task["createdByUserId"], task["departmentId"], task["version"]) == (1, 1, 1, 1)
    assert INSTANT.match(task["createdAt"])
    assert task["updatedAt"] == task["createdAt"]

    changed = await admin.patch("/api/tasks/1", {"title": "新标题", "status": "in-progress"})
    assert changed.status == 200
    _compare(changed.data, task | {"title": "新标题", "status": "in-progress", "version": 2}, but={"updatedAt"})

    conflict = await admin.patch("/api/tasks/1", {"title": "迟到", "version": 1})
    assert conflict.status == 409
    printed = {"error": True, "statusCode": 409, "message": "任务已被其他人修改，请刷新后重试"}
    assert {name: conflict.body[name] for name in printed} == printed
    assert conflict.body["current"] == changed.data

    deleted = await admin.delete("/api/tasks/1")
    assert deleted.status == 200
    _compare(deleted.data, changed.data | {"version": 3}, but={"updatedAt", "deletedAt"})
    assert (await admin.get("/api/tasks/1")).status == 404


async def test_a_second_registration_of_an_address_is_refused_in_any_case(board: Board) -> None:
    _, _, email = await board.account()
    again = await board.stranger.post("/api/auth/register", {"email": f" {email.upper()} ", "password": "password123"})
    assert (again.status, again.body["errorCode"]) == (409, "email_taken")


async def test_login_says_the_same_of_a_wrong_password_and_of_nobody(board: Board) -> None:
    _, _, email = await board.account()
    wrong = await board.stranger.post("/api/auth/login", {"email": email, "password": "password124"})
    nobody = await board.stranger.post("/api/auth/login", {"email": "nobody@example.com", "password": "password123"})
    endless = await board.stranger.post("/api/auth/login", {"email": email, "password": "x" * 5_000})
    for answer in (wrong, nobody, endless):
        assert answer.status == 401
        _compare(answer.body, wrong.body, but={"requestId"})
    assert wrong.body["errorCode"] == "bad_credentials"


def _compare(found: dict[str, Any], expected: dict[str, Any], *, but: set[str]) -> None:
    assert {k: v for k, v in found.items() if k not in but} == {k: v for k, v in expected.items() if k not in but}
