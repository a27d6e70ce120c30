"""Seed 004's chapters on sign-in, departments, users, roles and permissions, request by request as they are printed
there, against real processes. Its administrator is the one of the settings."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.conftest import Board
from tests.support.api import Answer, Api
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually

INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
CREDENTIALS = {"username": "admin", "password": "admin123"}
PRINTED_PERSON = {
    "id": 1,
    "username": "admin",
    "realName": "系统管理员",
    "departmentId": 1,
    "roleId": 1,
    "roleName": "管理员",
}
PRINTED_CODES = ("task:create", "task:update", "task:delete", "task:view", "department:manage")
NEW_DEPARTMENT = {"name": "研发部", "description": "研发部门", "parentId": 1, "status": 1}
NEW_ROLE = {"name": "调度员", "description": "查看任务", "permissions": [1, 5], "status": 1}
NEW_USER = {
    "username": "zhangsan",
    "password": "zhang-san-2026",
    "realName": "张三",
    "email": "zhangsan@example.com",
    "phone": "13800138000",
}


@pytest.fixture
async def door(database: Database, tmp_path: Any) -> AsyncIterator[Cluster]:
    """A cluster of which nothing is known yet but the seed's administrator."""
    administrator = {"ADMIN_USERNAME": CREDENTIALS["username"], "ADMIN_PASSWORD": CREDENTIALS["password"]}
    async with Cluster(database.url, tmp_path, nodes=1, **administrator) as running:
        yield running


async def signed_in(stranger: Api, credentials: dict[str, str] = CREDENTIALS) -> Api:
    return Api(stranger.http, succeeded(await stranger.post("/v1/auth/login", credentials))["token"])


def succeeded(answer: Answer) -> Any:
    """The data of a success in the seed's envelope."""
    assert answer.status == 200, answer
    assert {name: answer.body[name] for name in ("code", "message")} == {"code": 0, "message": "success"}
    return answer.body["data"]


def failed(answer: Answer, status: int, code: int) -> None:
    """A failure has the seed's code in its envelope, and a status that says the same."""
    assert (answer.status, answer.body["code"], answer.body["data"]) == (status, code, None), answer
    assert answer.body["message"] != "success"


def shows(found: dict[str, Any], printed: dict[str, Any]) -> None:
    """Every printed member is there, as printed."""
    assert {name: found.get(name) for name in printed} == printed


async def test_the_chapter_on_signing_in(door: Cluster) -> None:
    stranger = Api(door.client())
    login = succeeded(await stranger.post("/v1/auth/login", CREDENTIALS))
    shows(login["user"], PRINTED_PERSON)
    assert isinstance(login["user"]["departmentName"], str)
    assert login["token"].count(".") == 2
    me = Api(stranger.http, login["token"])
    userinfo = succeeded(await me.get("/v1/auth/userinfo"))
    shows(userinfo, PRINTED_PERSON | {"email": None, "phone": None})
    assert set(PRINTED_CODES) <= set(userinfo["permissions"])

    # the token of the refresh is the bearer, and so is the next one
    refreshed = succeeded(await Api(stranger.http, login["refreshToken"]).post("/v1/auth/refresh"))
    assert refreshed["token"] != login["token"]
    me = Api(stranger.http, refreshed["token"])
    assert succeeded(await me.get("/v1/auth/userinfo")) == userinfo

    second = Api(stranger.http, succeeded(await stranger.post("/v1/auth/login", CREDENTIALS))["token"])
    assert succeeded(await me.post("/v1/auth/logout")) is None
    failed(await me.get("/v1/auth/userinfo"), 401, 4003)
    third = Api(stranger.http, succeeded(await stranger.post("/v1/auth/login", CREDENTIALS))["token"])
    assert succeeded(await second.post("/v1/auth/logout-all")) is None
    for ended in (second, third):
        failed(await ended.get("/v1/auth/userinfo"), 401, 4003)
    failed(await stranger.post("/v1/auth/login", CREDENTIALS | {"password": "admin124"}), 401, 4003)
    failed(await stranger.post("/v1/auth/login", {"username": "admin"}), 422, 4001)


async def test_the_chapter_on_departments(board: Board) -> None:
    admin = board.admin
    made = succeeded(await admin.post("/v1/departments", NEW_DEPARTMENT))
    shows(made, NEW_DEPARTMENT | {"version": 1})
    assert INSTANT.match(made["createdAt"])
    assert made["updatedAt"] == made["createdAt"]
    path = f"/v1/departments/{made['id']}"
    assert succeeded(await admin.get(path)) == made

    change = {"name": "研发中心", "description": "改名", "parentId": None, "status": 0}
    changed = succeeded(await admin.put(path, change))
    shows(changed, change | {"id": made["id"], "version": 2})
    child = succeeded(await admin.post("/v1/departments", NEW_DEPARTMENT | {"parentId": made["id"], "name": "测试"}))

    listed = succeeded(await admin.get("/v1/departments?keyword=研发"))
    assert (listed["total"], [one["id"] for one in listed["list"]]) == (1, [made["id"]])
    assert {made["id"], child["id"]} < {one["id"] for one in succeeded(await admin.get("/v1/departments"))["list"]}

    in_use = await admin.delete(path)
    failed(in_use, 409, 4001)
    assert in_use.body["usedBy"]["departments"] == 1
    for gone in (child["id"], made["id"]):
        assert succeeded(await admin.delete(f"/v1/departments/{gone}"))["id"] == gone
        failed(await admin.get(f"/v1/departments/{gone}"), 404, 4004)
    failed(await admin.post("/v1/departments", {"name": "x"}), 422, 4001)


async def test_the_chapter_on_users(board: Board) -> None:
    admin = board.admin
    department = succeeded(await admin.post("/v1/departments", NEW_DEPARTMENT))
    place = {"departmentId": department["id"], "roleId": 2, "status": 1}
    made = succeeded(await admin.post("/v1/users", NEW_USER | place))
    shows(made, {name: value for name, value in (NEW_USER | place).items() if name != "password"})
    shows(made, {"departmentName": "研发部", "roleName": "员工"})
    assert "password" not in made
    path = f"/v1/users/{made['id']}"
    assert succeeded(await admin.get(path)) == made

    # by either name
    for name in ("zhangsan", "zhangsan@example.com"):
        await signed_in(board.stranger, {"username": name, "password": NEW_USER["password"]})

    listed = succeeded(await admin.get(f"/v1/users?page=1&size=10&departmentId={department['id']}&keyword=张"))
    assert listed == {"list": [made], "total": 1, "page": 1, "size": 10}
    by_default = succeeded(await admin.get("/v1/users"))
    assert (by_default["page"], by_default["size"]) == (1, 10)
    assert len(by_default["list"]) == min(10, by_default["total"])

    change = {"username": "zhangsan", "realName": "张三丰", "email": "zhangsan@example.com", "phone": "13900139000"}
    changed = succeeded(await admin.put(path, change | place))
    shows(changed, change | place | {"version": 2})

    person = await signed_in(board.stranger, {"username": "zhangsan", "password": NEW_USER["password"]})
    own = {"newPassword": "zhang-san-feng", "oldPassword": NEW_USER["password"]}
    failed(await person.patch(f"{path}/password", own | {"oldPassword": "something else"}), 422, 4001)
    assert succeeded(await person.patch(f"{path}/password", own)) is None
    failed(await person.get("/v1/auth/userinfo"), 401, 4003)
    person = await signed_in(board.stranger, {"username": "zhangsan", "password": own["newPassword"]})
    failed(await person.get("/v1/users"), 403, 4003)
    failed(await person.get("/v1/users/1"), 404, 4004)

    assert succeeded(await admin.delete(path))["id"] == made["id"]
    failed(await admin.get(path), 404, 4004)
    failed(await board.stranger.post("/v1/auth/login", own | {"username": "zhangsan", "password": "x"}), 422, 4001)


async def test_the_chapter_on_roles_and_permissions(board: Board) -> None:
    admin = board.admin
    permissions = succeeded(await admin.get("/v1/permissions"))
    known = {one["code"]: one for one in permissions}
    assert set(PRINTED_CODES) | {"record:view", "user:manage", "role:manage"} <= known.keys()
    assert all(one["name"] and one["status"] == 1 for one in known.values())
    granted = [known["task:view"]["id"], known["record:view"]["id"]]

    made = succeeded(await admin.post("/v1/roles", NEW_ROLE | {"permissions": granted}))
    shows(made, {"name": "调度员", "description": "查看任务", "status": 1})
    assert sorted(made["permissions"]) == sorted(granted)
    path = f"/v1/roles/{made['id']}"
    assert succeeded(await admin.get(path)) == made
    listed = succeeded(await admin.get("/v1/roles?page=1&size=10&keyword=调度"))
    assert listed == {"list": [made], "total": 1, "page": 1, "size": 10}

    user = NEW_USER | {"departmentId": 1, "roleId": made["id"], "status": 1, "username": "lisi", "email": None}
    person_id = succeeded(await admin.post("/v1/users", user))["id"]
    person = await signed_in(board.stranger, {"username": "lisi", "password": NEW_USER["password"]})
    assert succeeded(await person.get("/v1/auth/userinfo"))["permissions"] == ["record:view", "task:view"]

    change = {"name": "观察员", "description": None, "permissions": granted[:1], "status": 1}
    changed = succeeded(await admin.put(path, change))
    shows(changed, change | {"version": 2})

    async def holds_less() -> bool:
        return bool(succeeded(await person.get("/v1/auth/userinfo"))["permissions"] == ["task:view"])

    await eventually(holds_less, within_s=5)
    in_use = await admin.delete(path)
    failed(in_use, 409, 4001)
    assert in_use.body["usedBy"] == {"users": 1}
    succeeded(await admin.delete(f"/v1/users/{person_id}"))
    assert succeeded(await admin.delete(path))["id"] == made["id"]
    failed(await admin.get(path), 404, 4004)
    failed(await admin.delete("/v1/roles/1"), 409, 4001)


async def test_the_codes_of_the_seed(door: Cluster) -> None:
    admin = await signed_in(Api(door.client()))
    failed(await admin.get("/v1/users?page=0"), 422, 4001)
    failed(await Api(door.client()).get("/v1/users"), 401, 4003)
    failed(await admin.get("/v1/departments/4096"), 404, 4004)
    health = succeeded(await Api(door.client()).get("/v1/health"))
    assert health["status"] == "up"
    assert INSTANT.match(health["timestamp"])
    await door.queue.kill()
    failed(await admin.post("/v1/departments", NEW_DEPARTMENT), 503, 5000)


async def test_what_is_not_theirs_to_write_is_refused_by_name(board: Board) -> None:
    admin = board.admin
    user = NEW_USER | {"departmentId": 1, "roleId": 2, "status": 1, "username": "wangwu", "email": None}
    person_id = succeeded(await admin.post("/v1/users", user))["id"]
    person = await signed_in(board.stranger, {"username": "wangwu", "password": NEW_USER["password"]})
    for what, body in (("users", user), ("departments", NEW_DEPARTMENT), ("roles", NEW_ROLE)):
        for member in ("id", "createdAt", "updatedAt", "deletedAt", "sessionEpoch", "path", "code"):
            answer = await admin.post(f"/v1/{what}", body | {member: 1})
            assert (answer.status, answer.fields_at_fault) == (422, [member])
    for member, value in {
        "roleId": 1,
        "departmentId": 2,
        "status": 1,
        "username": "root",
        "id": 1,
        "version": 9,
    }.items():
        answer = await person.patch(f"/api/users/{person_id}", {member: value})
        assert answer.status in (403, 409, 422), (member, answer)
    failed(await person.put(f"/v1/users/{person_id}", user | {"roleId": 1}), 403, 4003)
    assert succeeded(await admin.get(f"/v1/users/{person_id}"))["version"] == 1
