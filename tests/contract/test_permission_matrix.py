"""Who may call what, made from the table of routes, so that a new row is tried without a line here: with exactly the
permission it works, with every other one it is 403, and what is another department's is as if it were not there. For
people, and for programs with a key that has this or that scope."""

import re
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
from tests.support.unit import Unit, submitted

DOCUMENT = document(TABLE)
GUARDED = [entry for entry in TABLE if entry.policy != "open"]
ABSENT = 2**52

# what only somebody bound to no department may do, whatever their permissions
GLOBAL_ONLY = {("PUT", "/v1/permissions/{id}")}
# what there is for everybody alike: it belongs to no department
OF_NO_DEPARTMENT = ("/v1/roles/{id}", "/v1/permissions/{id}")
OWN_ONLY = ("/v1/users/{id}/password", "/api/operations/{id}")
# whatever is somebody's own, and others' for who manages such
OF_MANAGERS = ("/v1/applications/{id}", "/v1/applications/{id}/permissions/{code}")
BOTH = pytest.mark.parametrize("kind", ["person", "program"])
WORKS = (200, 201, 204)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")


def _name(entry: Entry) -> str:
    return f"{entry.method} {entry.path}"


def _rows(entries: list[Entry]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=_name)


def _needed(entry: Entry) -> tuple[Permission, ...]:
    if isinstance(entry.policy, AnyOf):
        return entry.policy.permissions
    return (entry.policy,) if isinstance(entry.policy, Permission) else ()


def _is_of_managers(entry: Entry) -> bool:
    return entry.policy == "signed-in" and entry.path in OF_MANAGERS


WITH_A_PERMISSION = [entry for entry in GUARDED if _needed(entry)]
ABOUT_AN_OBJECT = [e for e in GUARDED if "{id}" in e.path and e.path not in (*OF_NO_DEPARTMENT, *OWN_ONLY)]
OF_LISTS = (
    "/api/tasks",
    "/api/users",
    "/api/v1/tasks",
    "/api/v1/execution-units",
    "/v1/users",
    "/v1/departments",
    "/v1/applications",
)
LISTS = [e for e in GUARDED if e.method == "GET" and e.path in OF_LISTS]
FOR_ALL = [entry for entry in GUARDED if not entry.people_only]


@dataclass(slots=True)
class World:
    """Two departments side by side, and people and programs with this or that permission in the first."""

    organisation: Organisation
    here: int
    elsewhere: int
    people: dict[tuple[str, ...], Somebody] = field(default_factory=dict)
    secret_ids: dict[int | str, int] = field(default_factory=dict)

    async def somebody(self, *permissions: Permission, kind: str = "person") -> Somebody:
        """Somebody in `here` with exactly these, made once. A program's `role_id` is one that it may give."""
        wanted = tuple(sorted(permissions))
        if (kind, *wanted) not in self.people:
            if kind == "person":
                made = await self.organisation.somebody(self.here, wanted)
            else:
                program = await self.organisation.program(self.here, wanted)
                made = Somebody(program.id, program.api, self.here, await self.organisation.role())
            self.people[kind, *wanted] = made
        return self.people[kind, *wanted]


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
    if entry.path.startswith("/api/v1/tasks"):
        return await _job(make, entry, department_id)
    if entry.path.startswith("/api/v1/execution-units"):
        unit = Unit((await make.somebody(department_id, [Permission.UNIT_MANAGE])).api)
        await unit.register()
        return unit.id
    if entry.path.startswith("/api/operations") and asking is not None:
        mine = await make.admin.new_task(assignedToUserId=asking.id)
        put_off = await asking.api.patch(f"/api/tasks/{mine['id']}", {"title": "x"}, Prefer="respond-async")
        return put_off.headers["Location"].rpartition("/")[2]
    if "/departments" in entry.path:
        return await make.department(department_id)
    if "/applications" in entry.path:
        program = await make.program(department_id)
        world.secret_ids[program.id] = program.secret_id
        return program.id
    if "/roles" in entry.path:
        return await make.role()
    if entry.path.startswith("/v1/permissions"):
        return 1
    return int((await make.account(department_id, await make.role()))["id"])


# what has to be done to a job before this can be
_BEFORE = {"resume": ["pause"], "retry": ["cancel"]}


async def _job(make: Organisation, entry: Entry, department_id: int) -> int:
    client = await make.somebody(department_id, [Permission.TASK_CREATE])
    job_id = int((await submitted(client.api, "T"))["id"])
    for what in _BEFORE.get(entry.path.rpartition("/")[2], ()):
        assert (await make.admin.post(f"/api/v1/tasks/{job_id}/{what}")).status == 200
    return job_id


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
        "scopes": [],
        "email": None if "/v1/" in entry.path else "new@example.com",
        "username": f"u{ABSENT}",
        "oldPassword": PASSWORD,
        "newPassword": PASSWORD,
        "status": 1,
    }
    if entry.path == "/api/users/{id}":
        return {"realName": "Another"}
    if entry.path == "/api/v1/tasks/{id}/status":
        return {"status": "PAUSED"}
    if entry.path == "/api/v1/tasks/{id}/operations":
        return {"operation": "pause"}
    if (entry.method, entry.path) == ("POST", "/v1/departments"):
        good["parentId"] = (
            department_id  # by default it stands at the top, where only those of no department may put it
        )
    return {name: known.get(name, value) for name, value in good.items()}


def _path(entry: Entry, target: int | str, secret_id: int = 1) -> str:
    named = {"{id}": target, "{name}": "a-queue", "{code}": Permission.BOARD_VIEW, "{secretId}": secret_id}
    path = entry.path
    for name, value in named.items():
        path = path.replace(name, str(value))
    return path


async def _ask(world: World, entry: Entry, who: Somebody, target: int | str, **headers: str) -> Answer:
    path = _path(entry, target, world.secret_ids.get(target, 1))
    body = _body(world, entry, who.role_id, who.department_id)
    if isinstance(body, dict) and "username" in body:
        body["username"] = f"u{target}.{entry.method.lower()}.{who.id}"
    if isinstance(body, dict) and "/v1/roles" in entry.path:
        body["name"] = f"{target} {entry.method} {who.id}"[:50]
    return await who.api(entry.method, path, body, headers=headers)


@_rows(GUARDED)
@pytest.mark.parametrize("authorization", [None, "Bearer x", "Bearer a.b.c", "Bearer con_1_x", "Basic YTpi"])
async def test_without_a_token_nothing_guarded_answers(board: Board, entry: Entry, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = await board.stranger(entry.method, _path(entry, 1), headers=headers)
    assert answer.refusal == (401, "unauthenticated")


@_rows(GUARDED)
async def test_with_exactly_the_permission_it_works(world: World, entry: Entry) -> None:
    of_others = Permission.APPLICATION_MANAGE if _is_of_managers(entry) else Permission.BOARD_UPDATE
    for permission in _needed(entry) or (of_others,):
        who = await world.somebody(permission)
        if entry.path.endswith("/password"):  # whose tokens are worth nothing afterwards
            who = await world.organisation.somebody(world.here, [permission])
        target = await _target(world, entry, world.here, who)
        if entry.path.startswith("/v1/users/{id}") and entry.policy == "signed-in":
            target = who.id
        if entry.path == "/api/users/{id}":
            target = who.id
        answer = await _ask(world, entry, who, target)
        if (entry.method, entry.path) in GLOBAL_ONLY:
            assert answer.refusal == (403, "forbidden")
            who = Somebody(1, world.organisation.admin, 1, 1)
            answer = await _ask(world, entry, who, target)
        assert answer.status in WORKS, answer


@_rows(FOR_ALL)
async def test_a_key_with_exactly_the_scope_works(world: World, entry: Entry) -> None:
    for scope in _needed(entry):
        who = await world.somebody(scope, kind="program")
        target = await _target(world, entry, world.here)
        answer = await _ask(world, entry, who, target)
        if (entry.method, entry.path) in GLOBAL_ONLY:
            assert answer.refusal == (403, "forbidden")
        else:
            assert answer.status in WORKS, answer
    if not _needed(entry):  # somebody's own, which it has none of, unless it is itself
        who = await world.somebody(Permission.BOARD_UPDATE, kind="program")
        answer = await _ask(world, entry, who, await _target(world, entry, world.here))
        assert answer.refusal == (404, "not_found")
        if _is_of_managers(entry):
            assert (await _ask(world, entry, who, who.id)).status == 200


@_rows([entry for entry in GUARDED if entry.people_only])
async def test_what_is_for_people_alone_refuses_every_key(world: World, entry: Entry) -> None:
    who = await world.somebody(*Permission, kind="program")
    answer = await _ask(world, entry, who, 1, **{"Idempotency-Key": "never-seen"})
    assert answer.refusal == (403, "people_only")


@BOTH
@_rows(WITH_A_PERMISSION)
async def test_with_every_other_permission_it_is_forbidden(world: World, entry: Entry, kind: str) -> None:
    who = await world.somebody(*(set(Permission) - set(_needed(entry))), kind=kind)
    answer = await _ask(world, entry, who, 1, **{"Idempotency-Key": "never-seen"})
    assert answer.refusal == (403, "people_only" if kind == "program" and entry.people_only else "forbidden")
    assert answer.body["outcome"] == "unknown"  # nobody looked what became of an earlier try


@_rows(GUARDED)
async def test_an_employee_gets_what_the_policy_says_and_no_more(board: Board, world: World, entry: Entry) -> None:
    me, employee = await board.employee()
    who = Somebody(me, employee, 1, 2)
    target: int | str = me if "/users/" in entry.path else await _target(world, entry, 1, who)
    if entry.path.startswith("/api/tasks"):
        target = (await board.admin.new_task(assignedToUserId=me))["id"]
    answer = await _ask(world, entry, who, target)
    if _is_of_managers(entry):
        assert answer.refusal == (404, "not_found")
    elif not _needed(entry) or set(_needed(entry)) & set(OF_EMPLOYEES):
        assert answer.status in WORKS, answer
    else:
        assert answer.refusal == (403, "forbidden")


@BOTH
@_rows(ABOUT_AN_OBJECT)
async def test_another_departments_object_is_byte_for_byte_one_that_does_not_exist(
    world: World, entry: Entry, kind: str
) -> None:
    if kind == "program" and entry.people_only:
        return  # refused before anything is looked for
    who = await world.somebody(*Permission, kind=kind)
    theirs = await _target(world, entry, world.elsewhere)
    for more in ({}, {"If-Match": '"v7"'}, {"Idempotency-Key": f"k-{theirs}-{entry.method}"}):
        answers = []
        for target in (theirs, ABSENT):
            answer = await _ask(world, entry, who, target, **more)
            text = answer.raw.decode().replace(answer.headers["X-Request-Id"], "-")
            text = INSTANT.sub("-", text)  # when it was answered
            answers.append((answer.status, text, answer.headers["Content-Type"]))
        assert answers[0] == answers[1]
        if entry.path.endswith("/reports"):  # each report is about an attempt, which neither of them holds
            assert (answers[0][0], '"errorCode"' in answers[0][1]) == (200, True)
        else:
            assert answers[0][0] == 404
    kept = await world.organisation.admin.get(f"{entry.path.partition('{id}')[0]}{theirs}")
    assert kept.status == 200, "somebody of another department changed it"


@BOTH
@_rows(LISTS)
async def test_no_list_and_no_count_tells_of_another_department(world: World, entry: Entry, kind: str) -> None:
    asking = await world.somebody(*Permission, kind=kind)
    before = (await asking.api.get(entry.path)).body["data"]
    for department_id, comes in ((world.elsewhere, 0), (world.here, 1)):
        await _target(world, entry, department_id)
        after = (await asking.api.get(entry.path)).body["data"]
        # who makes a task is an account of that department, too
        assert after["total"] - before["total"] == comes
        before = after
    shown = before.get("list") or before.get("tasks") or before.get("users") or before.get("items")
    of = {item["id"] if "departments" in entry.path else item["departmentId"] for item in shown}
    assert world.elsewhere not in of
    assert not of & {1}
