"""The writer in process, on a real database: batches, refusals, idempotency, versions."""

import asyncio

import pytest

from queue_service.domain.command import Answer
from queue_service.service import QueueService
from shared.errors import ConsoleError, EmailTaken, Forbidden, IdempotencyMismatch, Invalid, NotFound, VersionConflict
from tests.support.databases import Database
from tests.support.writer import A_HASH, command, create_task, register


async def test_the_first_account_is_the_administrator_and_the_others_are_employees(service: QueueService) -> None:
    commands = [command("register-user", {"email": f"u{i}@example.com", "passwordHash": A_HASH}) for i in range(20)]
    answers = await asyncio.gather(*(service.intake.submit(c) for c in commands))
    roles = [answer.data["user"]["role"] for answer in answers]
    assert roles.count("admin") == 1
    assert roles[0] == "admin"
    assert len({answer.data["user"]["id"] for answer in answers}) == 20


async def test_an_email_registers_once_even_within_one_batch(service: QueueService) -> None:
    commands = [command("register-user", {"email": "Same@Example.com", "passwordHash": A_HASH}) for _ in range(5)]
    results = await asyncio.gather(*(service.intake.submit(c) for c in commands), return_exceptions=True)
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert sum(isinstance(result, EmailTaken) for result in results) == 4


async def test_a_refused_command_changes_none_of_its_neighbours(service: QueueService, database: Database) -> None:
    admin = await register(service)
    task = await create_task(service, admin)
    good = [command("create-task", {"title": f"good {i}"}, actor=admin) for i in range(6)]
    bad = [
        command("update-task", {"taskId": task["id"], "updates": {"title": "stale"}}, actor=admin, version=99),
        command("update-task", {"taskId": 10_000, "updates": {"title": "absent"}}, actor=admin),
        command("create-task", {"title": "x", "assignedToUserId": 777}, actor=admin),
    ]
    mixed = [good[0], bad[0], good[1], good[2], bad[1], good[3], bad[2], good[4], good[5]]
    results = await asyncio.gather(*(service.intake.submit(c) for c in mixed), return_exceptions=True)
    assert [type(r) for r in results if isinstance(r, Exception)] == [VersionConflict, NotFound, Invalid]
    assert database.rows("SELECT COUNT(*) FROM task_table WHERE title LIKE 'good%'") == [(6,)]
    assert database.rows("SELECT COUNT(*) FROM task_table") == [(7,)]
    assert database.rows("SELECT version FROM task_table WHERE id = :id", id=task["id"]) == [(1,)]


async def test_two_updates_from_one_version_one_wins_and_the_other_sees_the_current_task(service: QueueService) -> None:
    admin = await register(service)
    task = await create_task(service, admin)
    updates = [
        command("update-task", {"taskId": task["id"], "updates": {"title": f"by {i}"}}, actor=admin, version=1)
        for i in range(10)
    ]
    results = await asyncio.gather(*(service.intake.submit(c) for c in updates), return_exceptions=True)
    won = [r for r in results if isinstance(r, Answer)]
    lost = [r for r in results if isinstance(r, VersionConflict)]
    assert (len(won), len(lost)) == (1, 9)
    assert {r.extra["current"]["version"] for r in lost} == {2}
    assert {r.extra["current"]["title"] for r in lost} == {won[0].data["title"]}


async def test_several_updates_of_one_task_in_one_batch_apply_in_order(
    service: QueueService, database: Database
) -> None:
    admin = await register(service)
    task = await create_task(service, admin)
    updates = [
        command("update-task", {"taskId": task["id"], "updates": {"title": f"step {v}"}}, actor=admin, version=v)
        for v in range(1, 9)
    ]
    answers = await asyncio.gather(*(service.intake.submit(c) for c in updates))
    assert [answer.data["version"] for answer in answers] == list(range(2, 10))
    assert database.rows("SELECT title, version FROM task_table") == [("step 8", 9)]


async def test_a_key_applies_once_and_answers_the_same_for_ever(service: QueueService, database: Database) -> None:
    admin = await register(service)
    first = await service.intake.submit(command("create-task", {"title": "once"}, actor=admin, key="k"))
    again = await service.intake.submit(command("create-task", {"title": "once"}, actor=admin, key="k"))
    assert (first.is_replayed, again.is_replayed) == (False, True)
    assert again.data == first.data
    assert again.status == first.status == 201
    assert database.rows("SELECT COUNT(*) FROM task_table") == [(1,)]


async def test_a_key_in_flight_is_joined(service: QueueService, database: Database) -> None:
    admin = await register(service)
    same = [command("create-task", {"title": "once"}, actor=admin, key="k") for _ in range(8)]
    answers = await asyncio.gather(*(service.intake.submit(c) for c in same))
    assert len({answer.data["id"] for answer in answers}) == 1
    assert not any(answer.is_replayed for answer in answers)
    assert database.rows("SELECT COUNT(*) FROM task_table") == [(1,)]


async def test_a_key_used_for_another_request_is_refused_in_flight_and_stored(service: QueueService) -> None:
    admin = await register(service)
    results = await asyncio.gather(
        service.intake.submit(command("create-task", {"title": "one"}, actor=admin, key="k")),
        service.intake.submit(command("create-task", {"title": "two"}, actor=admin, key="k")),
        return_exceptions=True,
    )
    assert [type(r) for r in results if isinstance(r, Exception)] == [IdempotencyMismatch]
    with pytest.raises(IdempotencyMismatch):
        await service.intake.submit(command("create-task", {"title": "three"}, actor=admin, key="k"))


async def test_keys_of_two_people_never_meet(service: QueueService) -> None:
    admin = await register(service)
    task = await create_task(service, admin, assignedToUserId=await register(service, "b@example.com"))
    patch = {"taskId": task["id"], "updates": {"title": "theirs"}}
    mine = await service.intake.submit(command("update-task", patch, actor=admin, key="k"))
    theirs = await service.intake.submit(command("update-task", patch, actor=task["assignedToUserId"], key="k"))
    assert (mine.data["version"], theirs.data["version"]) == (2, 3)


async def test_a_refusal_is_judged_anew_under_the_same_key(service: QueueService) -> None:
    admin = await register(service)
    task = await create_task(service, admin)
    patch = command("update-task", {"taskId": task["id"], "updates": {"title": "v2"}}, actor=admin, key="k", version=2)
    with pytest.raises(VersionConflict):
        await service.intake.submit(patch)
    await service.intake.submit(command("update-task", {"taskId": task["id"], "updates": {"tag": "x"}}, actor=admin))
    assert (await service.intake.submit(patch)).data["version"] == 3


async def test_a_right_that_was_lost_is_missed_before_a_stored_answer_is_given_again(
    service: QueueService, database: Database
) -> None:
    admin = await register(service)
    create = command("create-task", {"title": "mine"}, actor=admin, key="k")
    await service.intake.submit(create)
    await database.change("UPDATE user_table SET role_id = 2, version = version + 1 WHERE id = :id", id=admin)
    with pytest.raises(Forbidden):
        await service.intake.submit(create)


async def test_employees_change_only_what_is_assigned_to_them(service: QueueService) -> None:
    admin = await register(service)
    employee = await register(service, "e@example.com")
    theirs = await create_task(service, admin, assignedToUserId=employee)
    other = await create_task(service, admin)

    async def outcome(name: str, task_id: int) -> type[ConsoleError] | None:
        data = {"taskId": task_id} | ({"updates": {"status": "done"}} if name == "update-task" else {})
        try:
            await service.intake.submit(command(name, data, actor=employee))
        except ConsoleError as error:
            return type(error)
        return None

    assert await outcome("update-task", theirs["id"]) is None
    assert await outcome("update-task", other["id"]) is NotFound
    assert await outcome("delete-task", theirs["id"]) is Forbidden


async def test_a_deleted_task_is_gone_for_commands_and_its_row_stays(service: QueueService, database: Database) -> None:
    admin = await register(service)
    task = await create_task(service, admin)
    await service.intake.submit(command("delete-task", {"taskId": task["id"]}, actor=admin, version=1))
    with pytest.raises(NotFound):
        await service.intake.submit(command("delete-task", {"taskId": task["id"]}, actor=admin))
    [(version, deleted_at)] = database.rows("SELECT version, deletedAt FROM task_table")
    assert version == 2
    assert deleted_at is not None
