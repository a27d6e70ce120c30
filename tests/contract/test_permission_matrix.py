"""Who may call what, made from the table of routes, so that a new row is tried without a line here: with exactly the
permission it works, with every other one it is 403, and what is another department's is as if it were not there."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from api_node.openapi.document import document
from api_node.openapi.example import request_example
from api_node.routes import TABLE, AnyOf, Entry
from shared.permissions import Permission
from tests.contract.conftest import Board
from tests.support.api import Answer, Api
from tests.support.organisation import PASSWORD, Organisation, Somebody
from tests.support.people import OF_EMPLOYEES

DOCUMENT = document(TABLE)
GUARDED = [entry for entry in TABLE if entry.policy != "open"]
ABSENT = 2**52

# what only somebody bound to no department may do, whatever their permissions
GLOBAL_ONLY = {("PUT", "/v1/permissions/{id}")}
# what there is for everybody alike: it belongs to no department
OF_NO_DEPARTMENT = ("/v1/roles/{id}", "/v1/permissions/{id}")
OWN_ONLY = ("/v1/users/{id}/password", "/api/operations/{id}")


def _name(entry: Entry) -> str:
    return f"{entry.method} {entry.path}"


def _rows(entries: list[Entry]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=_name)


def _needed(entry: Entry) -> tuple[Permission, ...]:
    if isinstance(entry.policy, AnyOf):
        return entry.policy.permissions
    return (entry.policy,) if isinstance(entry.policy, Permission) else ()


WITH_A_PERMISSION = [entry for entry in GUARDED if _needed(entry)]
ABOUT_AN_OBJECT = [e for e in GUARDED if "{id}" in e.path and e.path not in (*OF_NO_DEPARTMENT, *OWN_ONLY)]
LISTS = [
    e for e in GUARDED if e.method == "GET" and e.path in ("/api/tasks", "/api/users", "/v1/users", "/v1/departments")
]


@dataclass(slots=True)
class World:
    """Two departments side by side, and people with this or that permission in the first."""

    organisation: Organisation
    here: int
    elsewhere: int
    people: dict[tuple[Permission, ...], Somebody] = field(default_factory=dict)

    async def somebody(self, *permissions: Permission) -> Somebody:
        """Somebody in `here` with exactly these, made once."""
        wanted = tuple(sorted(permissions))
        if wanted not in self.people:
            self.people[wanted] = await self.organisation.somebody(self.here, wanted)
        return self.people[wanted]


_worlds: dict[str, World] = {}


@pytest.fixture
async def world(board: Board) -> AsyncIterator[World]:
    """Made once for the cluster; its clients are this test's."""
    organisation = Organisation(board.admin)
    known = _worlds.get(board.cluster.database_url)
    if known is None:
        here, elsewhere = [await organisation.department() for _ in range(2)]
        known = _worlds[board.cluster.database_url] = World(organisation, here, elsewhere)
    people = {
        wanted: Somebody(s.id, Api(board.stranger.http, s.api.token), s.department_id, s.role_id)
        for wanted, s in known.people.items()
    }
    fresh = World(organisation, known.here, known.elsewhere, people)
    yield fresh
    known.people |= fresh.people


async def _target(world: World, entry: Entry, department_id: int, asking: Somebody | None = None) -> int | str:
    """The id of something of a department that the row is about."""
    make = world.organisation
    if entry.path == "/v1/users/{id}/password" and asking is not None:
        return asking.id
    if entry.path.startswith("/api/tasks"):
        author = await make.somebody(department_id, [Permission.BOARD_CREATE])
        return int((await author.api.new_task())["id"])
    if entry.path.startswith("/api/operations") and asking is not None:
        mine = await make.admin.new_task(assignedToUserId=asking.id)
        put_off = await asking.api.patch(f"/api/tasks/{mine['id']}", {"title": "x"}, Prefer="respond-async")
        return put_off.headers["Location"].rpartition("/")[2]
    if "/departments" in entry.path:
        return await make.department(department_id)
    if "/roles" in entry.path:
        return await make.role()
    if "/permissions" in entry.path:
        return 1
    return int((await make.account(department_id, await make.role()))["id"])


def _body(world: World, entry: Entry, role_id: int, department_id: int) -> Any:
    operation = DOCUMENT["paths"][entry.path][entry.method.lower()]
    if "requestBody" not in operation:
        return None
    schemas = DOCUMENT["components"]["schemas"]
    (content,) = operation["requestBody"]["content"].values()
    good = request_example(content["schema"], schemas)
    known: dict[str, Any] = {
        "departmentId": department_id,
        "parentId": department_id,
        "roleId": role_id,
        "permissions": [],
        "email": None if "/v1/" in entry.path else "new@example.com",
        "username": f"u{ABSENT}",
        "oldPassword": PASSWORD,
        "newPassword": PASSWORD,
        "status": 1,
    }
    if entry.path == "/api/users/{id}":
        return {"realName": "Another"}
    if (entry.method, entry.path) == ("POST", "/v1/departments"):
        good["parentId"] = (
            department_id  # by default it stands at the top, where only those of no department may put it
        )
    return {name: known.get(name, value) for name, value in good.items()}


async def _ask(world: World, entry: Entry, who: Somebody, target: int | str, **headers: str) -> Answer:
    path = entry.path.replace("{id}", str(target))
    body = _body(world, entry, who.role_id, who.department_id)
    if isinstance(body, dict) and "username" in body:
        body["username"] = f"u{target}.{entry.method.lower()}.{who.id}"
    if isinstance(body, dict) and "/v1/roles" in entry.path:
        body["name"] = f"{target} {entry.method} {who.id}"[:50]
    return await who.api(entry.method, path, body, headers=headers)


@_rows(GUARDED)
@pytest.mark.parametrize("authorization", [None, "Bearer x", "Bearer a.b.c", "Basic YTpi"])
async def test_without_a_token_nothing_guarded_answers(board: Board, entry: Entry, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = await board.stranger(entry.method, entry.path.replace("{id}", "1"), headers=headers)
    assert answer.refusal == (401, "unauthenticated")


@_rows(GUARDED)
async def test_with_exactly_the_permission_it_works(world: World, entry: Entry) -> None:
    for permission in _needed(entry) or (Permission.BOARD_UPDATE,):
        who = await world.somebody(permission)
        target = await _target(world, entry, world.here, who)
        if entry.path == "/v1/users/{id}" and entry.policy == "signed-in":
            target = who.id
        if entry.path == "/api/users/{id}":
            target = who.id
        answer = await _ask(world, entry, who, target)
        if (entry.method, entry.path) in GLOBAL_ONLY:
            assert answer.refusal == (403, "forbidden")
            who = Somebody(1, world.organisation.admin, 1, 1)
            answer = await _ask(world, entry, who, target)
        assert answer.status in (200, 201), answer


@_rows(WITH_A_PERMISSION)
async def test_with_every_other_permission_it_is_forbidden(world: World, entry: Entry) -> None:
    who = await world.somebody(*(set(Permission) - set(_needed(entry))))
    answer = await _ask(world, entry, who, 1, **{"Idempotency-Key": "never-seen"})
    assert answer.refusal == (403, "forbidden")
    assert answer.body["outcome"] == "unknown"  # nobody looked what became of an earlier try


@_rows(GUARDED)
async def test_an_employee_gets_what_the_policy_says_and_no_more(board: Board, world: World, entry: Entry) -> None:
    me, employee = await board.employee()
    who = Somebody(me, employee, 1, 2)
    target: int | str = me if "/users/" in entry.path else await _target(world, entry, 1, who)
    if entry.path.startswith("/api/tasks"):
        target = (await board.admin.new_task(assignedToUserId=me))["id"]
    answer = await _ask(world, entry, who, target)
    if not _needed(entry) or set(_needed(entry)) & set(OF_EMPLOYEES):
        assert answer.status in (200, 201), answer
    else:
        assert answer.refusal == (403, "forbidden")


@_rows(ABOUT_AN_OBJECT)
async def test_another_departments_object_is_byte_for_byte_one_that_does_not_exist(world: World, entry: Entry) -> None:
    who = await world.somebody(*Permission)
    theirs = await _target(world, entry, world.elsewhere)
    for more in ({}, {"If-Match": '"v7"'}, {"Idempotency-Key": f"k-{theirs}-{entry.method}"}):
        answers = []
        for target in (theirs, ABSENT):
            answer = await _ask(world, entry, who, target, **more)
            text = answer.raw.decode().replace(answer.headers["X-Request-Id"], "-")
            answers.append((answer.status, text, answer.headers["Content-Type"]))
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
    kept = await world.organisation.admin.get(entry.path.replace("{id}", str(theirs)).removesuffix("/password"))
    assert kept.status == 200, "somebody of another department changed it"


@_rows(LISTS)
async def test_no_list_and_no_count_tells_of_another_department(world: World, entry: Entry) -> None:
    asking = await world.somebody(*Permission)
    before = (await asking.api.get(entry.path)).body["data"]
    for department_id, comes in ((world.elsewhere, 0), (world.here, 1)):
        await _target(world, entry, department_id)
        after = (await asking.api.get(entry.path)).body["data"]
        # who makes a task is an account of that department, too
        assert after["total"] - before["total"] == comes
        before = after
    shown = before.get("list") or before.get("tasks") or before.get("users")
    of = {item["id"] if "departments" in entry.path else item["departmentId"] for item in shown}
    assert world.elsewhere not in of
    assert not of & {1}
