"""Applications: programs with keys of their own. What a key opens, what ends it, and where it is never found."""

import re
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api_node.application_keys import Secret
from shared.clock import iso
from shared.db.tables import metadata
from shared.permissions import ID_OF, Permission
from tests.contract.conftest import Board
from tests.support.api import Answer, Api
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.organisation import Organisation, Program, Somebody

WITHIN_S = 5.0
BOARD = (Permission.BOARD_VIEW, Permission.BOARD_UPDATE, Permission.BOARD_DELETE)


@pytest.fixture
def make(board: Board) -> Organisation:
    return Organisation(board.admin)


def body(department_id: int, *scopes: Permission, **members: Any) -> dict[str, Any]:
    return {"name": "ci", "departmentId": department_id, "scopes": list(scopes), "status": 1} | members


def path(program: Program, rest: str = "") -> str:
    return f"/v1/applications/{program.id}{rest}"


def at(api: Api, key: str) -> Api:
    """A client with this key, at the node of another one."""
    return Api(api.http, key)


async def second_key(admin: Api, program: Program) -> str:
    key: str = (await admin.post(path(program, "/secrets"))).data["key"]
    return key


async def test_a_new_application_shows_its_key_once_and_then_everything_else(board: Board) -> None:
    made = await board.admin.post(
        "/v1/applications", body(1, *BOARD, description="builds", expiresAt="2030-01-01T08:00+08:00")
    )
    assert (made.status, made.headers["ETag"], made.headers["Cache-Control"]) == (200, '"v1"', "no-store")
    key = made.data["key"]
    assert re.fullmatch(rf"con_{made.data['id']}_[0-9A-Za-z]{{43}}", key)
    read = await board.admin.get(f"/v1/applications/{made.data['id']}")
    assert read.data == {name: value for name, value in made.data.items() if name != "key"}
    assert read.data | {"createdAt": 0, "updatedAt": 0, "secrets": len(read.data["secrets"])} == {
        "id": made.data["id"],
        "name": "ci",
        "description": "builds",
        "departmentId": 1,
        "departmentName": "总部",
        "scopes": sorted(BOARD),
        "status": 1,
        "expiresAt": "2030-01-01T00:00:00.000Z",
        "secrets": 1,
        "lastUsedAt": None,
        "version": 1,
        "createdByUserId": board.admin_id,
        "createdAt": 0,
        "updatedAt": 0,
    }


async def test_a_list_is_paged_and_narrowed(board: Board, make: Organisation) -> None:
    here, below = await make.department(), await make.department()
    name = uuid.uuid4().hex
    made = [await make.program(place, name=f"{name} {n}") for n, place in enumerate((here, here, below))]
    first = (await board.other.get(f"/v1/applications?keyword={name.upper()}&size=2")).data
    assert ([item["id"] for item in first["list"]], first["total"]) == ([made[2].id, made[1].id], 3)
    second = (await board.admin.get(f"/v1/applications?keyword={name}&size=2&page=2")).data
    assert [item["id"] for item in second["list"]] == [made[0].id]
    there = (await board.admin.get(f"/v1/applications?departmentId={below}")).data
    assert ([item["id"] for item in there["list"]], there["total"]) == ([made[2].id], 1)
    for wrong in ("nam=x", "departmentId=x", "size=0", "keyword="):
        assert (await board.admin.get(f"/v1/applications?{wrong}")).fields_at_fault == [wrong.partition("=")[0]]


async def test_a_change_keeps_what_it_does_not_name_and_is_held_against_the_version(
    board: Board, make: Organisation
) -> None:
    program = await make.program(1, BOARD, description="builds", expiresAt="2030-01-01T00:00:00Z")
    changed = await board.admin.put(path(program), body(1, Permission.BOARD_VIEW, name="cd", version=1))
    assert (changed.status, changed.headers["ETag"]) == (200, '"v2"')
    shown = changed.data
    assert (shown["name"], shown["scopes"], shown["description"]) == ("cd", ["board:view"], "builds")
    assert shown["expiresAt"] == "2030-01-01T00:00:00.000Z"
    stale = await board.admin.put(path(program), body(1, version=1))
    assert (stale.refusal, stale.body["current"]) == ((409, "version_conflict"), shown)
    assert (await board.admin.put(path(program), body(1), If_Match='"v1"')).refusal == (412, "precondition_failed")
    for_ever = await board.admin.put(path(program), body(1, expiresAt=None, description=None))
    assert (for_ever.data["expiresAt"], for_ever.data["description"]) == (None, None)
    assert (await board.admin.delete(f"{path(program)}?version=1")).refusal == (409, "version_conflict")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("departmentId", 2**52),
        ("scopes", ["board:everything"]),
        ("scopes", [1]),
        ("scopes", None),
        ("status", 2),
        ("expiresAt", "tomorrow"),
        ("expiresAt", "2030-01-01"),
        ("expiresAt", "2030-01-01T00:00:00"),
        ("expiresAt", "0001-01-01T00:00:00+23:59"),
        ("expiresAt", 1),
        ("secretHash", "0" * 64),
        ("key", "con_1_x"),
    ],
)
async def test_a_wrong_member_is_named(board: Board, member: str, value: Any) -> None:
    answer = await board.admin.post("/v1/applications", body(1) | {member: value})
    assert answer.refusal == (422, "validation_failed")
    assert answer.fields_at_fault[0].startswith(member)


async def test_a_repeated_request_makes_one_application_and_shows_its_key_no_second_time(board: Board) -> None:
    key = uuid.uuid4().hex
    first = await board.admin.post("/v1/applications", body(1), Idempotency_Key=key)
    again = await board.other.post("/v1/applications", body(1), Idempotency_Key=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.data == first.data | {"key": None}
    of_it = f"/v1/applications/{first.data['id']}/secrets"
    second = await board.admin.post(of_it, Idempotency_Key=f"{key}-2")
    repeated = await board.other.post(of_it, Idempotency_Key=f"{key}-2")
    assert repeated.data == second.data | {"key": None}
    assert (await board.stranger.get("/v1/users")).status == 401
    for opened in (first, second):
        assert (await at(board.stranger, opened.data["key"]).get(of_it.removesuffix("/secrets"))).status == 200


async def test_two_keys_are_good_at_one_time_so_that_a_program_can_change_over(
    board: Board, make: Organisation
) -> None:
    program = await make.program(1, BOARD)
    new = await second_key(board.admin, program)
    for node in (board.admin, board.other):
        for key in (program.key, new):
            assert (await at(node, key).get("/api/tasks")).status == 200
    assert (await board.admin.post(path(program, "/secrets"))).refusal == (409, "too_many_secrets")
    assert (await board.admin.delete(path(program, f"/secrets/{program.secret_id}"))).status == 200
    assert (await board.admin.delete(path(program, f"/secrets/{program.secret_id}"))).refusal == (404, "not_found")
    # at once where it was revoked
    assert (await program.api.get("/api/tasks")).refusal == (401, "unauthenticated")
    assert (await at(board.admin, new).get("/api/tasks")).status == 200
    third = await second_key(board.admin, program)
    assert (await at(board.other, third).get("/api/tasks")).status == 200


async def _off(make: Organisation, program: Program) -> Answer:
    return await make.admin.put(path(program), body(program.department_id, *BOARD, status=0))


async def _expires(make: Organisation, program: Program) -> Answer:
    in_a_moment = iso(datetime.now(UTC) + timedelta(milliseconds=300))
    return await make.admin.put(path(program), body(program.department_id, *BOARD, expiresAt=in_a_moment))


async def _deleted(make: Organisation, program: Program) -> Answer:
    return await make.admin.delete(path(program))


async def _revoked(make: Organisation, program: Program) -> Answer:
    return await make.admin.delete(path(program, f"/secrets/{program.secret_id}"))


async def _department_off(make: Organisation, program: Program) -> Answer:
    department = {"name": "gone", "parentId": 1, "status": 0}
    return await make.admin.put(f"/v1/departments/{program.department_id}", department)


@pytest.mark.parametrize("take", [_off, _expires, _deleted, _revoked, _department_off])
async def test_what_ends_a_key_ends_it_on_every_node_within_five_seconds(
    board: Board, make: Organisation, take: Callable[[Organisation, Program], Awaitable[Answer]]
) -> None:
    program = await make.program(await make.department(), BOARD)
    nodes = [at(board.admin, program.key), at(board.other, program.key)]
    for node in nodes:
        assert (await node.get("/api/tasks")).status == 200
    assert (await take(make, program)).status == 200
    forged = await at(board.admin, Secret.fresh().key_of(2**52)).get("/api/tasks")

    async def is_out() -> bool:
        answers = [await node.get("/api/tasks") for node in nodes]
        return all(_same(answer) == _same(forged) for answer in answers)

    await eventually(is_out, within_s=WITHIN_S, what=f"{take.__name__} at both nodes")


def _same(answer: Answer) -> tuple[int, str, str]:
    """All of it but its request id."""
    said = answer.raw.decode().replace(answer.headers["X-Request-Id"], "-")
    return answer.status, said, answer.headers["WWW-Authenticate"]


async def test_a_scope_that_is_taken_away_is_gone_everywhere_within_five_seconds(
    board: Board, make: Organisation
) -> None:
    program = await make.program(1, BOARD)
    elsewhere = at(board.other, program.key)
    assert (await elsewhere.get("/api/tasks")).status == 200
    await board.admin.put(path(program), body(1))

    async def is_refused() -> bool:
        return (await elsewhere.get("/api/tasks")).refusal == (403, "forbidden")

    await eventually(is_refused, within_s=WITHIN_S)


async def test_whatever_is_wrong_with_a_key_is_told_in_the_same_words(board: Board, make: Organisation) -> None:
    program = await make.program(1, BOARD)
    wrong = [
        Secret.fresh().key_of(program.id),
        Secret.fresh().key_of(2**52),
        Secret.fresh().key_of(program.id + 1_000_000),
        program.key[:-1],
        program.key + "x",
        program.key.upper(),
        program.key.replace(f"con_{program.id}_", f"con_0{program.id}_"),
        "con_",
        "con_1_",
    ]
    stranger = await at(board.admin, "not-a-token").get("/api/tasks")
    for key in wrong:
        assert _same(await at(board.admin, key).get("/api/tasks")) == _same(stranger)
    assert (await program.api.get("/api/tasks")).status == 200


async def test_a_program_sees_and_changes_the_board_of_its_department_and_below(
    board: Board, make: Organisation
) -> None:
    here = await make.department()
    author = await make.somebody(here, [Permission.BOARD_CREATE])
    below = await make.somebody(await make.department(here), [Permission.BOARD_CREATE])
    mine, deeper = [await who.api.new_task() for who in (author, below)]
    theirs = await board.admin.new_task()
    program = await make.program(here, BOARD)
    shown = (await program.api.get("/api/tasks")).data
    assert {task["id"] for task in shown["tasks"]} == {mine["id"], deeper["id"]}
    assert (await program.api.get("/api/tasks/stats")).data["total"] == 2
    assert (await program.api.get(f"/api/tasks/{theirs['id']}")).refusal == (404, "not_found")
    changed = await program.api.patch(f"/api/tasks/{mine['id']}", {"tag": "ci"}, Prefer="respond-async")
    # nobody could ask what became of it: it is answered once it is applied
    assert (changed.status, changed.data["tag"], "Preference-Applied" in changed.headers) == (200, "ci", False)
    assert (await program.api.delete(f"/api/tasks/{deeper['id']}")).status == 200
    assert (await program.api.get("/api/tasks?assignee=me")).fields_at_fault == ["assignee"]
    assert (await program.api.get("/api/tasks?creator=me")).fields_at_fault == ["creator"]


async def test_what_concerns_a_persons_sign_in_is_refused_in_words_of_its_own(board: Board, make: Organisation) -> None:
    program = await make.program(1, Permission)
    for door in ("/api/auth/logout", "/v1/auth/logout", "/v1/auth/logout-all"):
        assert (await program.api.post(door)).refusal == (403, "people_only")
    answer = await program.api.post("/api/tasks", {"title": "x"}, Accept_Language="en")
    assert answer.refusal == (403, "people_only")
    assert "people who are signed in" in answer.body["message"]
    assert "密钥" in (await program.api.get("/api/auth/me", Accept_Language="zh")).body["message"]
    assert (await program.api.post("/api/auth/refresh")).refusal == (401, "unauthenticated")
    assert (await program.api.get("/api/tasks")).status == 200


async def test_nobody_gives_a_program_more_than_they_may(make: Organisation) -> None:
    here = await make.department()
    me = await make.somebody(here, [Permission.APPLICATION_MANAGE, Permission.BOARD_VIEW])
    assert (await me.api.post("/v1/applications", body(here, *BOARD))).refusal == (403, "forbidden")
    assert (await me.api.post("/v1/applications", body(1))).fields_at_fault == ["departmentId"]
    stronger = await make.program(here, BOARD)
    for refused in (
        await me.api.put(path(stronger), body(here)),
        await me.api.post(path(stronger, "/secrets")),
        await me.api.delete(path(stronger, f"/secrets/{stronger.secret_id}")),
        await me.api.delete(path(stronger)),
    ):
        assert refused.refusal == (403, "forbidden")
    mine = await me.api.post("/v1/applications", body(here, Permission.BOARD_VIEW))
    assert mine.status == 200
    moved = await me.api.put(f"/v1/applications/{mine.data['id']}", body(1, Permission.BOARD_VIEW))
    assert moved.fields_at_fault == ["departmentId"]


async def test_a_key_is_found_in_no_table_and_in_no_log(board: Board, make: Organisation, kept: Database) -> None:
    program = await make.program(1, BOARD)
    key = uuid.uuid4().hex
    made = await board.admin.post(path(program, "/secrets"), Idempotency_Key=key)
    await board.admin.post(path(program, "/secrets"), Idempotency_Key=key)
    keys = [program.key, made.data["key"]]
    for one in keys:
        # in a path, too, where it does not belong
        assert (await at(board.admin, one).get(f"/api/tasks/{one}?x={one}")).status == 404
        assert (await at(board.admin, f"{one}x").get("/api/tasks")).status == 401
    await eventually(lambda: _last_use(kept, program.secret_id))
    names = [table.name for table in metadata.sorted_tables]
    stored = "\n".join(str(kept.rows(f"SELECT * FROM {name}")) for name in names)  # noqa: S608 - names only
    logged = "".join(process.log for process in (board.cluster.queue, *board.cluster.nodes))
    for one in keys:
        secret = one.rpartition("_")[2]
        assert secret not in stored
        assert secret not in logged
        assert Secret(secret).hash in stored
        assert Secret(secret).hash not in logged


def _last_use(kept: Database, secret_id: int) -> Any:
    [(used_at,)] = kept.rows("SELECT last_used_at FROM application_secret WHERE id = :id", id=secret_id)
    return used_at


async def test_its_last_use_is_shown_within_seconds_and_costs_no_version(
    board: Board, make: Organisation, kept: Database
) -> None:
    program = await make.program(1, BOARD)
    other = await second_key(board.admin, program)
    began = iso(datetime.now(UTC) - timedelta(seconds=1))

    async def used() -> dict[str, Any]:
        shown: dict[str, Any] = (await board.admin.get(path(program))).data
        return shown

    async def is_shown() -> bool:
        return bool((await used())["lastUsedAt"])

    await program.api.get("/api/tasks")
    await eventually(is_shown, within_s=WITHIN_S)
    shown = await used()
    assert (shown["version"], began <= shown["lastUsedAt"] <= iso(datetime.now(UTC))) == (2, True)
    assert [secret["lastUsedAt"] for secret in shown["secrets"]] == [shown["lastUsedAt"], None]
    # used without pause, it is written again a minute later and not before: the other node has told nothing yet
    await at(board.other, program.key).get("/api/tasks")
    await at(board.other, other).get("/api/tasks")

    async def the_other_is_shown() -> bool:
        return all(secret["lastUsedAt"] for secret in (await used())["secrets"])

    await eventually(the_other_is_shown, within_s=WITHIN_S)
    assert (await used())["secrets"][0]["lastUsedAt"] == shown["secrets"][0]["lastUsedAt"]
    # what a revoked key did last is not forgotten
    kept.rows("UPDATE application_secret SET last_used_at = :at WHERE id = :id", at="2099-01-01", id=program.secret_id)
    await board.admin.delete(path(program, f"/secrets/{program.secret_id}"))
    assert (await used())["lastUsedAt"] == "2099-01-01T00:00:00.000Z"


def _reasons(answer: Answer) -> dict[str, bool]:
    return {reason["code"]: reason["holds"] for reason in answer.data["reasons"]}


async def _why(asking: Api, who: Somebody | Program, permission: str, more: str = "", **headers: str) -> Answer:
    kind = "users" if isinstance(who, Somebody) else "applications"
    return await asking.get(f"/v1/{kind}/{who.id}/permissions/{permission}{more}", **headers)


async def test_why_somebody_can_or_cannot_is_told_condition_by_condition(board: Board, make: Organisation) -> None:
    here = await make.department(name="switched")
    below = await make.department(here)
    who = await make.somebody(below, [Permission.BOARD_VIEW])
    allowed = await _why(board.admin, who, "board:view", f"?departmentId={below}")
    assert allowed.data["allowed"] is True
    assert list(_reasons(allowed)) == [
        "exists",
        "is_on",
        "role_is_on",
        "department_is_on",
        "permission_is_on",
        "is_granted",
        "is_in_sight",
    ]
    assert all(_reasons(allowed).values())
    out_of_sight = await _why(board.admin, who, "board:view", f"?departmentId={here}")
    assert [code for code, holds in _reasons(out_of_sight).items() if not holds] == ["is_in_sight"]
    assert out_of_sight.data["allowed"] is False
    mine = await _why(who.api, who, "board:create", Accept_Language="en")
    [missing] = [reason for reason in mine.data["reasons"] if not reason["holds"]]
    assert missing["code"] == "is_granted"
    assert re.fullmatch(r"The role \w+ does not grant board:create", missing["message"])

    await board.admin.put(f"/v1/departments/{here}", {"name": "switched", "parentId": 1, "status": 0})
    off = await _why(board.admin, who, "board:view")
    [reason] = [reason for reason in off.data["reasons"] if not reason["holds"]]
    assert (reason["code"], reason["departments"]) == ("department_is_on", [{"id": here, "name": "switched"}])

    everything = await _why(board.admin, Somebody(board.admin_id, board.admin, 1, 1), "queue:manage", "?departmentId=1")
    assert (everything.data["allowed"], everything.data["isGlobal"]) == (True, True)


async def test_a_department_above_what_one_sees_is_not_named_to_them(board: Board, make: Organisation) -> None:
    top = await make.department()
    here = await make.department(top)
    who = await make.somebody(await make.department(here), [Permission.BOARD_VIEW])
    manager = await make.somebody(here, [Permission.USER_MANAGE])
    assert (await _why(manager.api, who, "board:view", f"?departmentId={top}")).fields_at_fault == ["departmentId"]
    unlucky = await make.department(here)
    off = {"name": "off", "parentId": here, "status": 0}
    await board.admin.put(f"/v1/departments/{unlucky}", off)
    other = await make.account(unlucky, who.role_id)
    told = await manager.api.get(f"/v1/users/{other['id']}/permissions/board:view")
    [reason] = [reason for reason in told.data["reasons"] if not reason["holds"]]
    assert reason["departments"] == [{"id": unlucky, "name": "off"}]


async def test_why_a_program_can_or_cannot_is_told_to_its_managers_and_itself(board: Board, make: Organisation) -> None:
    program = await make.program(1, [Permission.BOARD_VIEW])
    for asking in (board.admin, program.api):
        answer = await _why(asking, program, "board:view", "?departmentId=1")
        assert (answer.data["allowed"], answer.data["applicationId"]) == (True, program.id)
        assert "role_is_on" not in _reasons(answer)
    assert _reasons(await _why(program.api, program, "board:create"))["is_granted"] is False
    past = "2020-01-01T00:00:00Z"
    await board.admin.put(path(program), body(1, Permission.BOARD_VIEW, status=0, expiresAt=past))
    answer = await _why(board.admin, program, "board:view")
    assert [code for code, holds in _reasons(answer).items() if not holds] == ["is_on", "has_time_left"]


async def test_who_may_not_ask_is_told_of_nobody(board: Board, make: Organisation) -> None:
    who = await make.somebody(1, [Permission.BOARD_VIEW])
    _, employee = await board.employee()
    assert (await _why(employee, who, "board:view")).refusal == (404, "not_found")
    assert (await _why(board.admin, who, "board:everything")).refusal == (404, "not_found")
    assert (await _why(board.admin, who, "board:view", "?departmentId=4503599627370496")).fields_at_fault == [
        "departmentId"
    ]
    assert (await _why(board.admin, who, "board:view", "?department=1")).fields_at_fault == ["department"]


async def test_a_permission_that_is_off_for_everybody_is_named(board: Board, make: Organisation) -> None:
    program = await make.program(1, [Permission.UNIT_MANAGE])
    number = ID_OF[Permission.UNIT_MANAGE]
    await board.admin.put(f"/v1/permissions/{number}", {"status": 0})
    try:
        answer = await _why(board.admin, program, "unit:manage")
        assert [code for code, holds in _reasons(answer).items() if not holds] == ["permission_is_on"]
        assert answer.data["allowed"] is False
    finally:
        await board.admin.put(f"/v1/permissions/{number}", {"status": 1})
