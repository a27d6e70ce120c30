"""The writer's side of applications: what is decided in the batch, also between commands of one batch."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from queue_service.domain.command import Answer
from queue_service.service import QueueService
from queue_service.transport.parse import parse_command
from shared.actor import ApplicationId
from shared.clock import iso
from shared.errors import (
    ConsoleError,
    Forbidden,
    InUse,
    Invalid,
    NotFound,
    PeopleOnly,
    TooManySecrets,
    Unauthenticated,
)
from shared.jsonio import loads
from shared.organisation import EMPLOYEE_ID, HEAD_OFFICE_ID
from shared.permissions import ID_OF, Permission
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.leading import leading
from tests.support.writer import A_HASH, SECRET, command, create_task, outcomes, register, settings_for

NEW = {"name": "ci", "departmentId": HEAD_OFFICE_ID, "scopes": [Permission.BOARD_UPDATE.value], "status": 1}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def run(service: QueueService, kind: str, data: dict[str, Any], **more: Any) -> Any:
    """The answer's data, or the refusal."""
    [outcome] = await outcomes(service, [command(kind, data, **more)])
    return outcome.data if isinstance(outcome, Answer) else outcome


async def made(service: QueueService, actor: int, **members: Any) -> dict[str, Any]:
    """A new application, as the command answers it."""
    data: dict[str, Any] = await run(
        service, "create-application", NEW | {"secretHash": digest("first")} | members, actor=actor
    )
    assert isinstance(data, dict), data
    return data


async def manager(service: QueueService, admin: int, *permissions: Permission, role_id: int | None = None) -> int:
    """Somebody of the head office whose role grants these; their id."""
    if role_id is None:
        ids = [ID_OF[permission] for permission in permissions]
        role_id = (await run(service, "create-role", {"name": "r", "permissions": ids, "status": 1}, actor=admin))["id"]
    profile = {"username": "manager", "realName": "M", "departmentId": HEAD_OFFICE_ID, "roleId": role_id, "status": 1}
    user_id: int = (await run(service, "create-user", profile | {"passwordHash": A_HASH}, actor=admin))["id"]
    return user_id


def secret_ids(view: dict[str, Any]) -> list[int]:
    return [secret["id"] for secret in view["secrets"]]


async def test_what_is_answered_and_stored_holds_a_digest_and_nothing_to_call_with(
    service: QueueService, database: Database
) -> None:
    admin = await register(service)
    view = await made(service, admin)
    assert view["secretHash"] == digest("first")
    assert (view["version"], view["createdByUserId"], len(view["secrets"])) == (1, admin, 1)
    assert database.rows("SELECT application_id, hash, revoked_at, last_used_at FROM application_secret") == [
        (view["id"], digest("first"), None, None)
    ]
    assert database.rows("SELECT application_id, permission_id FROM application_scope") == [
        (view["id"], ID_OF[Permission.BOARD_UPDATE])
    ]


async def test_of_three_secrets_asked_for_at_once_one_is_made(service: QueueService) -> None:
    admin = await register(service)
    view = await made(service, admin)
    wanted = [{"applicationId": view["id"], "secretHash": digest(str(n))} for n in range(3)]
    ended = await outcomes(service, [command("add-secret", data, actor=admin) for data in wanted])
    assert sorted(isinstance(end, TooManySecrets) for end in ended) == [False, True, True]
    [answer] = [end for end in ended if isinstance(end, Answer)]
    assert (len(answer.data["secrets"]), answer.data["version"]) == (2, 2)


async def test_a_secret_that_is_revoked_makes_room_in_the_same_batch(service: QueueService) -> None:
    admin = await register(service)
    view = await made(service, admin)
    of_it = {"applicationId": view["id"]}
    first, *_ = secret_ids(view)
    ended = await outcomes(
        service,
        [
            command("add-secret", of_it | {"secretHash": digest("second")}, actor=admin),
            command("revoke-secret", of_it | {"secretId": first}, actor=admin),
            command("revoke-secret", of_it | {"secretId": first}, actor=admin),
            command("add-secret", of_it | {"secretHash": digest("third")}, actor=admin),
        ],
    )
    assert isinstance(ended[2], NotFound)
    assert [end.data["version"] for end in ended if isinstance(end, Answer)] == [2, 3, 4]
    assert first not in secret_ids(ended[3].data)


async def test_a_secret_of_another_application_is_not_there(service: QueueService) -> None:
    admin = await register(service)
    mine, other = await made(service, admin), await made(service, admin)
    data = {"applicationId": mine["id"], "secretId": secret_ids(other)[0]}
    assert isinstance(await run(service, "revoke-secret", data, actor=admin), NotFound)


async def test_nobody_gives_a_scope_that_they_lack_nor_touches_who_has_it(service: QueueService) -> None:
    admin = await register(service)
    me = await manager(service, admin, Permission.APPLICATION_MANAGE, Permission.BOARD_VIEW)
    theirs = await made(service, admin)
    of_it = {"applicationId": theirs["id"]}
    refused: list[tuple[str, dict[str, Any]]] = [
        ("create-application", NEW | {"secretHash": digest("mine")}),
        ("update-application", of_it | {"updates": {"name": "mine"}}),
        ("update-application", of_it | {"updates": {"scopes": []}}),
        ("add-secret", of_it | {"secretHash": digest("mine")}),
        ("revoke-secret", of_it | {"secretId": secret_ids(theirs)[0]}),
        ("delete-application", of_it),
    ]
    for kind, data in refused:
        assert isinstance(await run(service, kind, data, actor=me), Forbidden), kind
    mine = await made(service, me, scopes=[Permission.BOARD_VIEW.value])
    more = {"scopes": [Permission.BOARD_VIEW.value, Permission.BOARD_UPDATE.value]}
    data = {"applicationId": mine["id"], "updates": more}
    assert isinstance(await run(service, "update-application", data, actor=me), Forbidden)


async def test_who_sees_only_what_is_assigned_to_them_makes_no_program_that_sees_more(service: QueueService) -> None:
    admin = await register(service)
    granted = [ID_OF[p] for p in (Permission.BOARD_VIEW, Permission.BOARD_UPDATE, Permission.APPLICATION_MANAGE)]
    await run(service, "update-role", {"roleId": EMPLOYEE_ID, "updates": {"permissions": granted}}, actor=admin)
    me = await manager(service, admin, role_id=EMPLOYEE_ID)
    assert isinstance(await run(service, "create-application", NEW | {"secretHash": digest("x")}, actor=me), Forbidden)


@pytest.mark.parametrize("scopes", [["board:everything"], ["*"], [9], "board:view", [""]])
async def test_a_scope_is_a_permission_there_is(service: QueueService, scopes: Any) -> None:
    with pytest.raises(Invalid) as refused:
        command("create-application", NEW | {"secretHash": digest("x"), "scopes": scopes}, actor=1)
    assert refused.value.errors[0].field.startswith("data.scopes")


async def test_an_application_acts_within_its_scopes_its_department_and_its_time(
    database: Database, tmp_path: Path
) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        admin = await register(service)
        here = (
            await run(
                service,
                "create-department",
                {"name": "here", "parentId": HEAD_OFFICE_ID, "status": 1},
                actor=admin,
            )
        )["id"]
        task = await create_task(service, admin)
        until = iso(clock.now() + timedelta(hours=1))
        view = await made(service, admin, expiresAt=until)
        it, change = ApplicationId(view["id"]), {"taskId": task["id"], "updates": {"tag": "x"}}
        assert (await run(service, "update-task", change, actor=it))["version"] == 2
        assert isinstance(await run(service, "delete-task", {"taskId": task["id"]}, actor=it), Forbidden)
        moved = {"applicationId": view["id"], "updates": {"departmentId": here}}
        assert (await run(service, "update-application", moved, actor=admin))["departmentName"] == "here"
        assert isinstance(await run(service, "update-task", change, actor=it), NotFound)
        back = {"applicationId": view["id"], "updates": {"departmentId": HEAD_OFFICE_ID}}
        await run(service, "update-application", back, actor=admin)
        clock.let_pass(timedelta(hours=1, seconds=1))
        assert isinstance(await run(service, "update-task", change, actor=it), Unauthenticated)


async def test_who_saw_an_application_that_moves_is_told_that_it_is_gone(
    service: QueueService, database: Database
) -> None:
    admin = await register(service)
    made_in = {"name": "here", "parentId": HEAD_OFFICE_ID, "status": 1}
    here = (await run(service, "create-department", made_in, actor=admin))["id"]
    view = await made(service, admin, departmentId=here)
    for department_id in (here, HEAD_OFFICE_ID):
        updates = {"name": f"in {department_id}", "departmentId": department_id}
        await run(service, "update-application", {"applicationId": view["id"], "updates": updates}, actor=admin)
    told = [loads(body) for (body,) in database.rows("SELECT body FROM outbox_event ORDER BY epoch, seq")][-2:]
    assert [body.get("previousDepartmentPath") for body in told] == [None, f"/{HEAD_OFFICE_ID}/{here}/"]


async def test_what_takes_its_right_away_holds_for_the_rest_of_the_batch(service: QueueService) -> None:
    admin = await register(service)
    task = await create_task(service, admin)
    made_in = {"name": "here", "parentId": HEAD_OFFICE_ID, "status": 1}
    here = (await run(service, "create-department", made_in, actor=admin))["id"]
    scope = Permission.ROLE_MANAGE
    view = await made(service, admin, departmentId=here, scopes=[scope.value, Permission.DEPARTMENT_MANAGE.value])
    of_it = {"applicationId": view["id"]}
    acts = {"name": "x", "parentId": here, "status": 1}
    takings: list[tuple[str, dict[str, Any], str, dict[str, Any], type[ConsoleError]]] = [
        ("update-department", {"departmentId": here}, "status", {"status": 0}, Unauthenticated),
        ("update-permission", {"permissionId": ID_OF[Permission.DEPARTMENT_MANAGE]}, "", {"status": 0}, Forbidden),
        ("update-application", of_it, "status", {"status": 0}, Unauthenticated),
        ("update-application", of_it, "scopes", {"scopes": [scope.value]}, Forbidden),
    ]
    before = {"status": 1, "scopes": view["scopes"]}
    for kind, what, member, members, refusal in takings:
        taken = what | ({"updates": members} if member else members)
        given = what | ({"updates": {member: before[member]}} if member else {"status": 1})
        ended = await outcomes(
            service,
            [
                command(kind, taken, actor=admin),
                command("create-department", acts, actor=ApplicationId(view["id"])),
                command(kind, given, actor=admin),
                command("create-department", acts, actor=ApplicationId(view["id"])),
            ],
        )
        assert [type(end) for end in ended] == [Answer, refusal, Answer, Answer], (kind, ended)
    assert isinstance(
        await run(service, "update-task", {"taskId": task["id"], "updates": {"tag": "x"}}, actor=ApplicationId(999)),
        Unauthenticated,
    )


async def test_what_needs_a_person_refuses_an_application(service: QueueService) -> None:
    admin = await register(service)
    view = await made(service, admin, scopes=[permission.value for permission in Permission])
    it, of_it = ApplicationId(view["id"]), {"applicationId": view["id"]}
    refused: list[tuple[str, dict[str, Any]]] = [
        ("create-task", {"title": "x"}),
        ("create-task", {"title": "x", "createdByUserId": admin}),
        ("create-application", NEW | {"secretHash": digest("x")}),
        ("update-application", of_it | {"updates": {"status": 0}}),
        ("add-secret", of_it | {"secretHash": digest("x")}),
        ("revoke-secret", of_it | {"secretId": secret_ids(view)[0]}),
        ("delete-application", of_it),
    ]
    for kind, data in refused:
        assert isinstance(await run(service, kind, data, actor=it), PeopleOnly), kind
    with pytest.raises(Invalid):
        command("delete-task", {"taskId": 1}, actor=it, deferred=True)


async def test_a_person_and_an_application_of_one_number_share_no_key_and_no_name(
    service: QueueService, database: Database
) -> None:
    admin = await register(service)
    view = await made(service, admin)
    assert view["id"] == admin
    task = await create_task(service, admin)
    change = {"taskId": task["id"], "updates": {"tag": "x"}}
    for actor, version in ((admin, 2), (ApplicationId(admin), 3)):
        assert (await run(service, "update-task", change, actor=actor, key="the-same"))["version"] == version
    told = [loads(body) for (body,) in database.rows("SELECT body FROM outbox_event ORDER BY epoch, seq")][-2:]
    assert [(body["actorId"], body.get("applicationId")) for body in told] == [(admin, None), (None, admin)]


async def test_a_department_with_an_application_in_it_stays(service: QueueService) -> None:
    admin = await register(service)
    made_in = {"name": "here", "parentId": HEAD_OFFICE_ID, "status": 1}
    here = (await run(service, "create-department", made_in, actor=admin))["id"]
    ended = await outcomes(
        service,
        [
            command("create-application", NEW | {"departmentId": here, "secretHash": digest("x")}, actor=admin),
            command("delete-department", {"departmentId": here}, actor=admin),
        ],
    )
    assert isinstance(ended[1], InUse)
    assert ended[1].extra["usedBy"]["applications"] == 1
    refused = await run(service, "delete-department", {"departmentId": here}, actor=admin)
    assert isinstance(refused, InUse)
    await run(service, "delete-application", {"applicationId": ended[0].data["id"]}, actor=admin)
    assert "id" in await run(service, "delete-department", {"departmentId": here}, actor=admin)


async def test_a_last_use_is_written_once_a_minute_and_never_ahead_of_our_clock(
    database: Database, tmp_path: Path
) -> None:
    clock = MovableClock()

    def uses(secret_id: int, at: datetime) -> dict[str, Any]:
        return {"uses": [{"secretId": secret_id, "usedAt": iso(at)}, {"secretId": 999, "usedAt": iso(at)}]}

    def kept() -> tuple[datetime, int]:
        [(at, version)] = database.rows("SELECT last_used_at, version FROM application_secret")
        return (datetime.fromisoformat(at) if isinstance(at, str) else at).replace(tzinfo=UTC), version

    async with leading(settings_for(database, tmp_path), clock) as service:
        admin = await register(service)
        view = await made(service, admin)
        [secret_id] = secret_ids(view)
        await run(service, "note-secret-uses", uses(secret_id, clock.now() + timedelta(hours=1)))
        first, version = kept()
        assert (first <= clock.now(), version) == (True, 2)
        clock.let_pass(timedelta(minutes=2))
        for seconds in (1, 59):
            await run(service, "note-secret-uses", uses(secret_id, first + timedelta(seconds=seconds)))
        assert kept() == (first, 2)
        await run(service, "note-secret-uses", uses(secret_id, first + timedelta(seconds=60)))
        assert kept() == (first + timedelta(seconds=60), 3)
    assert database.rows("SELECT version FROM application") == [(1,)]


async def test_uses_are_told_by_nodes_and_not_by_anybody(service: QueueService) -> None:
    admin = await register(service)
    use = {"secretId": 1, "usedAt": "2026-01-01T00:00:00.000Z"}
    for actor in ({"userId": admin}, {"applicationId": 1}, {"anonymous": "/x"}):
        wire = {"type": "note-secret-uses", "data": {"uses": [use]}}
        with pytest.raises(Forbidden):
            parse_command(wire | {"actor": actor}, size=1, secret=SECRET)
