"""The writer when the database misbehaves: a fault is another session's real lock, or put on the wire by a proxy."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from queue_service.domain.command import Answer
from queue_service.service import QueueService
from shared.clock import SystemClock
from shared.errors import DatabaseUnavailable, Internal, OutcomeUnknown
from shared.position import as_text
from tests.support.databases import Database, MySQLSource
from tests.support.eventually import eventually
from tests.support.locks import holding, is_waiting_for_a_lock
from tests.support.mysql_proxy import MySQLProxy
from tests.support.quiet_loops import run_loops_once, settled_loops
from tests.support.writer import command, create_task, creates, outcomes, register, settings_for, titles

pytestmark = pytest.mark.only_on("mysql")


@pytest.fixture
async def service(
    database: Database, proxy: MySQLProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[QueueService]:
    """The writer behind the proxy; the test's own queries go past it, and no beat comes between rule and batch."""
    run_loops_once(monkeypatch)
    running = QueueService(settings_for(database.through(proxy.port), tmp_path), SystemClock(), on_deposed=lambda: None)
    await running.start()
    await settled_loops(running)
    yield running
    proxy.remove(*proxy.rules)
    proxy.refuse_connections(False)
    await running.stop()


async def test_a_commit_whose_ok_was_lost_is_found_by_its_key_and_answered_once(
    service: QueueService, proxy: MySQLProxy, database: Database
) -> None:
    admin = await register(service)
    rule = proxy.drop_ok_of("COMMIT")
    answers = await outcomes(service, creates(admin, "a", "b", "c", "d", "e"))
    assert rule.fired_count == 1
    assert all(isinstance(answer, Answer) for answer in answers), answers
    assert titles(database) == ["a", "b", "c", "d", "e"]


async def test_the_events_of_a_commit_whose_ok_was_lost_are_published_once(
    service: QueueService, proxy: MySQLProxy, database: Database
) -> None:
    admin = await register(service)
    start = service.events.position
    proxy.drop_ok_of("COMMIT")
    await outcomes(service, creates(admin, "a", "b", "c"))
    await create_task(service, admin, "d")
    seen: list[str] = []
    async for item in service.events.follow(start, beat_s=5):
        assert isinstance(item, tuple)
        seen.append(as_text(item[0]))
        if len(seen) == 4:
            break
    stored = database.rows("SELECT epoch, seq FROM outbox_event ORDER BY epoch, seq")
    assert seen == [f"{epoch}.{seq}" for epoch, seq in stored[1:]]


async def test_a_commit_that_never_arrived_is_replayed(
    service: QueueService, proxy: MySQLProxy, database: Database
) -> None:
    admin = await register(service)
    rule = proxy.cut_before("COMMIT")
    answers = await outcomes(service, creates(admin, "a", "b", "c"))
    assert rule.fired_count == 1
    assert all(isinstance(answer, Answer) for answer in answers)
    assert titles(database) == ["a", "b", "c"]


@pytest.mark.parametrize("code", [1213, 1205])
@pytest.mark.parametrize(
    "statement",
    ["SELECT leader", "INSERT INTO task_table", "INSERT INTO stored_answer", "INSERT INTO outbox", "COMMIT"],
)
async def test_a_passing_error_at_any_statement_applies_everything_exactly_once(
    service: QueueService, proxy: MySQLProxy, database: Database, code: int, statement: str
) -> None:
    admin = await register(service)
    rule = proxy.fail_with(code, statement)
    answers = await outcomes(service, creates(admin, "a", "b", "c", "d"))
    assert rule.fired_count == 1
    assert all(isinstance(answer, Answer) for answer in answers), answers
    assert titles(database) == ["a", "b", "c", "d"]
    assert database.rows("SELECT COUNT(*) FROM stored_answer") == [(5,)]


async def test_a_lock_wait_timeout_for_ever_stores_nothing_of_the_batch(
    service: QueueService, proxy: MySQLProxy, database: Database
) -> None:
    admin = await register(service)
    proxy.fail_with(1205, "INSERT INTO stored_answer", every=1)
    answers = await outcomes(service, creates(admin, "a", "b"))
    assert [type(answer) for answer in answers] == [DatabaseUnavailable, DatabaseUnavailable]
    proxy.remove(*proxy.rules)
    # the next commit on the same connections must not carry what the failed ones left behind
    await asyncio.gather(*(create_task(service, admin, f"later {i}") for i in range(8)))
    assert titles(database) == sorted(f"later {i}" for i in range(8))


async def test_one_poison_row_fails_alone_and_nine_others_are_applied(
    service: QueueService, proxy: MySQLProxy, database: Database
) -> None:
    admin = await register(service)
    proxy.fail_with(1406, ".*INSERT INTO task_table.*poison", every=1)
    names = [f"good {i}" for i in range(9)]
    answers = await outcomes(service, creates(admin, *names[:4], "poison", *names[4:]))
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [Internal]
    assert titles(database) == sorted(names)


async def test_a_row_held_by_somebody_else_fails_alone_and_is_free_again_afterwards(
    service: QueueService, database: Database, mysql_source: MySQLSource
) -> None:
    admin = await register(service)
    held, free = await create_task(service, admin, "held"), await create_task(service, admin, "free")
    async with holding(database, "SELECT id FROM task_table WHERE id = %s FOR UPDATE", held["id"]):
        updates = [
            command("update-task", {"taskId": task["id"], "updates": {"status": "done"}}, actor=admin)
            for task in (held, free)
        ]
        stuck, fine = await outcomes(service, updates)
        assert isinstance(stuck, DatabaseUnavailable)
        assert stuck.outcome == "not_applied"
        assert isinstance(fine, Answer)
    again = command("update-task", {"taskId": held["id"], "updates": {"status": "done"}}, actor=admin, version=1)
    assert (await service.intake.submit(again)).data["version"] == 2


async def test_without_a_database_a_write_is_refused_and_was_not_applied(
    service: QueueService, proxy: MySQLProxy, database: Database
) -> None:
    admin = await register(service)
    proxy.refuse_connections(True)
    proxy.cut_all()
    answers = await outcomes(service, creates(admin, "a", "b"))
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 2
    proxy.refuse_connections(False)
    await create_task(service, admin, "after")
    assert titles(database) == ["after"]


async def test_a_lost_ok_with_no_database_behind_it_is_called_unknown_and_the_key_tells_later(
    service: QueueService, proxy: MySQLProxy, database: Database
) -> None:
    admin = await register(service)
    rule = proxy.drop_ok_of("COMMIT")
    create = command("create-task", {"title": "perhaps"}, actor=admin, key="k")
    waiting = asyncio.ensure_future(service.intake.submit(create))
    await asyncio.wait_for(rule.fired.wait(), 5)
    proxy.refuse_connections(True)
    proxy.cut_all()
    with pytest.raises(OutcomeUnknown):
        await waiting
    proxy.refuse_connections(False)
    answer = await service.intake.submit(command("create-task", {"title": "perhaps"}, actor=admin, key="k"))
    assert answer.is_replayed
    assert titles(database) == ["perhaps"]


async def test_nothing_is_answered_before_its_commit_arrived(service: QueueService, proxy: MySQLProxy) -> None:
    admin = await register(service)
    rule = proxy.delay("COMMIT", 0.3)
    waiting = asyncio.ensure_future(service.intake.submit(creates(admin, "a")[0]))
    await asyncio.wait_for(rule.fired.wait(), 5)
    assert not waiting.done()
    assert isinstance(await waiting, Answer)


async def test_nothing_is_answered_while_its_batch_waits_for_a_lock(service: QueueService, database: Database) -> None:
    admin = await register(service)
    async with holding(database, "SELECT id FROM user_table WHERE id = %s FOR UPDATE", admin):
        # the task's foreign key waits for the person's row: the batch is open and cannot commit
        waiting = asyncio.ensure_future(service.intake.submit(creates(admin, "a")[0]))
        await eventually(lambda: is_waiting_for_a_lock(database), every_s=0.15, what="the batch waiting for the lock")
        assert not waiting.done()
    assert isinstance(await waiting, Answer)
    assert titles(database) == ["a"]
