"""Commands that are answered once they are stored (`Prefer: respond-async`): stored first, applied once, their outcome
kept; whatever happens in between."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from queue_service.loops import prune
from queue_service.service import QueueService
from queue_service.store import operations
from queue_service.store.session import Session, Transaction
from queue_service.transport.parse import parse_command
from queue_service.writer.intake import Intake, IntakeLimits
from queue_service.writer.lane import FlushPolicy, Lane
from shared.db.database import writer_engine
from shared.errors import (
    Forbidden,
    IdempotencyMismatch,
    Invalid,
    NotFound,
    QueueFull,
    VersionConflict,
)
from tests.support.databases import Database
from tests.support.deferred import create, ended, retitle, statuses, waiting
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.preparing import NothingToAdd
from tests.support.writer import A_HASH, SECRET, command, create_task, outcomes, register, settings_for, titles


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_service.writer.deferred.RETRY_S", 0.05)


async def test_a_deferred_command_is_stored_when_it_is_answered_and_applied_afterwards(
    service: QueueService, database: Database
) -> None:
    admin = await register(service)
    answer = await service.intake.submit(create(admin))
    assert (answer.status, answer.is_replayed, answer.data["status"]) == (202, False, "accepted")
    [(public_id, actor)] = database.rows("SELECT public_id, actor_id FROM stored_command")
    assert (public_id, actor) == (answer.data["operationId"], admin)
    await ended(database, 201)
    assert titles(database) == ["a task"]


async def test_a_stop_applies_what_is_stored(database: Database, tmp_path: Path) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        admin = await register(service)
        answers = await asyncio.gather(*(service.intake.submit(create(admin, f"{n}")) for n in range(30)))
        assert {answer.status for answer in answers} == {202}
    assert (len(titles(database)), waiting(database)) == (30, 0)


async def test_a_refusal_is_an_outcome_that_stays(service: QueueService, database: Database) -> None:
    admin = await register(service)
    task = await create_task(service, admin)
    stale = retitle(admin, task["id"], "stale", version=7, key="k")
    first = await service.intake.submit(stale)
    await ended(database, 409)
    # by now version 7 could be reached: the operation has its outcome all the same
    for _ in range(6):
        await service.intake.submit(command("update-task", stale.data.model_dump(exclude_unset=True), actor=admin))
    again = await service.intake.submit(retitle(admin, task["id"], "stale", version=7, key="k"))
    assert (again.data, again.is_replayed) == (first.data, True)
    plain = command("update-task", stale.data.model_dump(exclude_unset=True), actor=admin, version=7, key="k")
    with pytest.raises(VersionConflict) as refusal:
        await service.intake.submit(plain)
    assert refusal.value.outcome == "not_applied"
    assert refusal.value.extra["current"]["version"] == 1
    assert statuses(database) == [409]
    assert database.rows("SELECT version FROM task_table") == [(7,)]


async def test_a_refusal_costs_its_neighbours_nothing(service: QueueService, database: Database) -> None:
    admin = await register(service)
    bad = command("create-task", {"title": "x", "assignedToUserId": 999}, actor=admin, deferred=True)
    mixed = [create(admin, "one"), bad, retitle(admin, 12345, "x"), create(admin, "two")]
    answers = await asyncio.gather(*map(service.intake.submit, mixed))
    assert [answer.status for answer in answers] == [202] * 4
    await eventually(lambda: sorted(statuses(database)) == [201, 201, 404, 422], what="all outcomes")
    assert titles(database) == ["one", "two"]


async def test_what_may_not_be_is_refused_before_it_is_stored(service: QueueService, database: Database) -> None:
    await register(service)
    employee = await register(service, "employee@example.com")
    with pytest.raises(Forbidden):
        await service.intake.submit(create(employee))
    assert database.rows("SELECT COUNT(*) FROM stored_command") == [(0,)]


async def test_a_right_that_is_lost_before_it_is_applied_refuses_it(
    service: QueueService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await register(service)
    task = await create_task(service, admin)
    original = operations.store

    async def store_and_demote(tx: Transaction, commands: Any, now: datetime) -> None:
        await original(tx, commands, now)
        await tx.execute(text("UPDATE user_table SET role_id = 2"))

    monkeypatch.setattr(operations, "store", store_and_demote)
    await service.intake.submit(retitle(admin, task["id"], "not mine"))
    await ended(database, 404)
    assert titles(database) == ["a task"]


async def test_one_key_is_one_operation_whichever_way_it_is_sent(service: QueueService, database: Database) -> None:
    admin = await register(service)
    deferred = [service.intake.submit(create(admin, key="k")) for _ in range(5)]
    plain = [service.intake.submit(create(admin, key="k", deferred=False)) for _ in range(5)]
    accepted, applied = await asyncio.gather(asyncio.gather(*deferred), asyncio.gather(*plain))
    assert {answer.status for answer in accepted} == {202}
    assert len({answer.data["operationId"] for answer in accepted}) == 1
    assert {(answer.status, answer.data["id"]) for answer in applied} == {(201, 1)}
    later = await service.intake.submit(create(admin, key="k"))
    assert (later.data, later.is_replayed) == (accepted[0].data, True)
    assert (await service.intake.submit(create(admin, key="k", deferred=False))).is_replayed
    await ended(database, 201)
    assert titles(database) == ["a task"]


async def test_a_key_that_was_used_undeferred_gives_that_answer(service: QueueService, database: Database) -> None:
    admin = await register(service)
    plain = await service.intake.submit(create(admin, key="k", deferred=False))
    again = await service.intake.submit(create(admin, key="k"))
    assert (again.status, again.data, again.is_replayed) == (201, plain.data, True)
    assert database.rows("SELECT COUNT(*) FROM stored_command") == [(0,)]


async def test_another_request_under_the_key_is_refused(service: QueueService, database: Database) -> None:
    admin = await register(service)
    await service.intake.submit(create(admin, "one", key="k"))
    await ended(database, 201)
    for other in (create(admin, "two", key="k"), create(admin, "two", key="k", deferred=False)):
        with pytest.raises(IdempotencyMismatch):
            await service.intake.submit(other)
    assert titles(database) == ["one"]


async def test_what_waits_to_be_applied_counts_against_the_limits() -> None:
    lane = Lane("board", session=Session(writer_engine("sqlite:///unused")), write=_never, policy=FlushPolicy())
    intake = Intake({"board": [lane]}, IntakeLimits(commands=2), NothingToAdd())
    held = [asyncio.ensure_future(intake.submit(create(1))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await intake.submit(create(1))
    for task in held:
        task.cancel()


async def test_without_a_deferred_command_nothing_more_is_asked_of_the_database(
    service: QueueService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("asked")

    for name in ("find", "store", "end"):
        monkeypatch.setattr(operations, name, never)
    admin = await register(service)
    commands = [create(admin, f"{n}", deferred=False) for n in range(5)]
    bad = command("update-task", {"taskId": 999, "updates": {"title": "x"}}, actor=admin)
    *fine, refused = await outcomes(service, [*commands, bad])
    assert {answer.status for answer in fine} == {201}
    assert isinstance(refused, NotFound)


async def test_outcomes_are_forgotten_after_a_day_and_what_waits_is_not(
    service: QueueService, database: Database
) -> None:
    admin = await register(service)
    await service.intake.submit(create(admin))
    await ended(database, 201)
    await database.change(
        "INSERT INTO stored_command (operation_id, public_id, actor_id, fingerprint, request, created_at) "
        "VALUES (:o, :p, 1, :o, '{}', '2020-01-01 00:00:00')",
        o="0" * 64,
        p="0" * 32,
    )
    now = datetime.now(UTC)
    session = service._sessions[0]
    for later, left in ((prune.ANSWERS_LIVE - timedelta(minutes=1), 2), (prune.ANSWERS_LIVE + timedelta(minutes=1), 1)):
        async with session.lock, session.transaction() as tx:
            await operations.prune(tx, older_than=now + later - prune.ANSWERS_LIVE, limit=10)
        assert database.rows("SELECT COUNT(*) FROM stored_command") == [(left,)]


async def test_one_that_this_program_does_not_understand_goes_on_waiting(database: Database, tmp_path: Path) -> None:
    database.rows(
        "INSERT INTO stored_command (operation_id, public_id, actor_id, fingerprint, request, created_at) "
        "VALUES (:o, :p, 1, :o, :r, '2020-01-01 00:00:00')",
        o="0" * 64,
        p="0" * 32,
        r='{"type": "of-the-future", "data": {}}',
    )
    async with leading(settings_for(database, tmp_path)) as service:
        assert await register(service)
    assert waiting(database) == 1


def test_only_a_persons_command_can_be_deferred() -> None:
    for wire in ({"actor": None}, {"actor": {"anonymous": "/api/auth/register"}}):
        user = {"email": "a@example.com", "passwordHash": A_HASH}
        with pytest.raises(Invalid) as refusal:
            parse_command({"type": "register-user", "data": user, "deferred": True, **wire}, size=1, secret=SECRET)
        assert [error.field for error in refusal.value.errors] == ["deferred"]


async def _never(*_: Any) -> bool:
    raise AssertionError("the lane does not run")
