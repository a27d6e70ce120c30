"""Commands that are answered once they are stored, when leaders die and databases fail in between: none is lost, none
is given up for what passes, and nobody is told that one was not applied that will be."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from queue_service.commands.tasks import CREATE_TASK
from queue_service.domain.command import Answer
from queue_service.service import QueueService
from queue_service.store import operations
from queue_service.store.session import Transaction
from queue_service.writer.deferred import Deferred
from shared.clock import SystemClock
from shared.errors import DatabaseUnavailable, Forbidden, OutcomeUnknown
from tests.support.databases import Database
from tests.support.deadlines import shorten_lock_waits
from tests.support.deferred import create, ended, retitle, statuses, waiting
from tests.support.eventually import eventually
from tests.support.leading import leading, vanish
from tests.support.locks import holding
from tests.support.mysql_faults import GUARDED_UPDATE
from tests.support.mysql_proxy import MySQLProxy
from tests.support.quiet_loops import run_loops_once, settled_loops
from tests.support.writer import create_task, register, settings_for, titles


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_service.writer.deferred.RETRY_S", 0.05)
    monkeypatch.setattr("queue_service.writer.deferred.LONGEST_RETRY_S", 0.05)


async def test_a_leader_that_dies_between_storing_and_applying_leaves_the_rest_to_the_next(
    database: Database, tmp_path: Path
) -> None:
    settings = settings_for(database, tmp_path)
    first = QueueService(settings, SystemClock(), on_deposed=lambda: None)
    await first.start()
    admin = await register(first)
    task = await create_task(first, admin)
    for deferred in (create(admin, "new"), retitle(admin, task["id"], "changed", version=1)):
        assert (await first.intake.submit(deferred)).status == 202
        if deferred.type == "update-task":
            await vanish(first)
    assert waiting(database) >= 1
    async with leading(settings):
        await ended(database, 201, 200)
        assert titles(database) == ["changed", "new"]
    async with leading(settings):
        pass
    assert database.rows("SELECT title, version FROM task_table ORDER BY title") == [("changed", 2), ("new", 1)]


@pytest.fixture
def lost_commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each entry loses the answer of one COMMIT that stores a command; the command is stored all the same."""
    left: list[int] = []
    commit, store = Transaction.commit, operations.store
    storing: set[int] = set()

    async def note(tx: Transaction, commands: Any, now: datetime) -> None:
        storing.add(id(tx))
        await store(tx, commands, now)

    async def lose(tx: Transaction) -> None:
        await commit(tx)
        if id(tx) in storing and left:
            left.pop()
            raise OperationalError("COMMIT", None, OSError("the answer was lost"), connection_invalidated=True)

    monkeypatch.setattr(operations, "store", note)
    monkeypatch.setattr(Transaction, "commit", lose)
    return left


async def test_storing_survives_a_lost_commit(
    service: QueueService, database: Database, lost_commits: list[int]
) -> None:
    admin = await register(service)
    lost_commits.append(1)
    assert (await service.intake.submit(create(admin))).status == 202
    await ended(database, 201)
    assert titles(database) == ["a task"]
    assert lost_commits == []


async def test_doubt_about_storing_is_said_and_cleared_up_later(
    database: Database, tmp_path: Path, lost_commits: list[int]
) -> None:
    async with leading(settings_for(database, tmp_path, queue_max_retries=0)) as service:
        admin = await register(service)
        lost_commits.append(1)
        with pytest.raises(OutcomeUnknown):
            await service.intake.submit(create(admin, key="k"))
        assert (await service.intake.submit(create(admin, key="k"))).status == 202
        await ended(database, 201)
        assert titles(database) == ["a task"]


async def test_no_database_means_that_it_is_not_stored(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with leading(settings_for(database, tmp_path, queue_max_retries=0)) as service:
        admin = await register(service)
        with monkeypatch.context() as broken:
            broken.setattr(operations, "find", _no_database)
            with pytest.raises(DatabaseUnavailable) as refusal:
                await service.intake.submit(create(admin))
        assert refusal.value.outcome == "not_applied"
        assert service.intake.length == 0
    assert titles(database) == []


async def test_what_is_stored_outlasts_a_database_that_fails(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with leading(settings_for(database, tmp_path, queue_max_retries=0)) as service:
        admin = await register(service)
        with monkeypatch.context() as broken:
            tries: list[int] = []

            def fail(*_: Any) -> Any:
                tries.append(1)
                raise OSError("no database")

            broken.setattr(operations, "end", fail)
            assert (await service.intake.submit(create(admin))).status == 202
            await eventually(lambda: len(tries) > 3, what="some tries")
            assert (waiting(database), titles(database), service.intake.length) == (1, [], 1)
        await ended(database, 201)
        assert titles(database) == ["a task"]


@pytest.mark.only_on("mysql")
async def test_a_held_row_holds_up_the_applying_and_not_the_answer(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_lock_waits(monkeypatch)
    async with leading(settings_for(database, tmp_path, queue_max_retries=0)) as service:
        admin = await register(service)
        task = await create_task(service, admin)
        async with holding(database, "SELECT id FROM task_table WHERE id = %s FOR UPDATE", task["id"]):
            async with asyncio.timeout(0.9):
                assert (await service.intake.submit(retitle(admin, task["id"], "later"))).status == 202
            await eventually(lambda: service.metrics.recent_batches()["count"], what="a batch")
            assert waiting(database) == 1
        await ended(database, 200)
    assert titles(database) == ["later"]


async def test_a_command_that_breaks_something_ends_as_an_internal_error(
    service: QueueService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await register(service)
    kind = CREATE_TASK.decide

    def decide(data: Any, *rest: Any) -> Any:
        if data.title == "poison":
            raise ZeroDivisionError
        return kind(data, *rest)

    object.__setattr__(CREATE_TASK, "decide", decide)
    try:
        commands = [create(admin, title) for title in ("one", "poison", "two")]
        assert {answer.status for answer in await asyncio.gather(*map(service.intake.submit, commands))} == {202}
        await eventually(lambda: sorted(statuses(database)) == [201, 201, 500], what="all outcomes")
    finally:
        object.__setattr__(CREATE_TASK, "decide", kind)
    assert (titles(database), waiting(database)) == (["one", "two"], 0)


async def _no_database(*_: Any) -> Any:
    raise OSError("no database")


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize("code", [1021, 1023, 1026, 1030, 1114, 1135, 1205, 1317, 1792, 1969, 3168, 9999])
async def test_what_is_stored_is_not_given_up_for_what_a_server_says_about_itself(
    database: Database, proxy: MySQLProxy, tmp_path: Path, code: int
) -> None:
    async with leading(settings_for(database.through(proxy.port), tmp_path, queue_max_retries=0)) as service:
        admin = await register(service)
        task = await create_task(service, admin)
        rule = proxy.fail_with(code, GUARDED_UPDATE, every=1)
        assert (await service.intake.submit(retitle(admin, task["id"], "later"))).status == 202
        await eventually(lambda: rule.fired_count > 3, what="some tries")
        assert (waiting(database), statuses(database)) == (1, [])
        proxy.remove(rule)
        await ended(database, 200)
    assert titles(database) == ["later"]


@pytest.mark.only_on("mysql")
async def test_what_the_database_will_never_take_ends_as_an_internal_error(
    database: Database, proxy: MySQLProxy, tmp_path: Path
) -> None:
    async with leading(settings_for(database.through(proxy.port), tmp_path)) as service:
        admin = await register(service)
        task = await create_task(service, admin)
        proxy.fail_with(1406, GUARDED_UPDATE, every=1)
        assert (await service.intake.submit(retitle(admin, task["id"], "too long"))).status == 202
        await ended(database, 500)


@pytest.mark.only_on("mysql")
async def test_a_right_that_is_lost_while_storing_is_in_doubt_refuses_it_for_good(
    database: Database, proxy: MySQLProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_loops_once(monkeypatch)
    settings = settings_for(database.through(proxy.port), tmp_path, queue_max_retries=0)
    async with leading(settings) as service:
        await settled_loops(service)
        admin = await register(service)
        lost = proxy.drop_ok_of("COMMIT")
        asking = asyncio.ensure_future(service.intake.submit(create(admin, "ghost", key="k")))
        await lost.fired.wait()
        proxy.refuse_connections(True)
        with pytest.raises(OutcomeUnknown):
            await asking
        await database.change("UPDATE user_table SET role_id = 2")
        proxy.refuse_connections(False)
        await ended(database, 403)
        await database.change("UPDATE user_table SET role_id = 1")
        assert (await service.intake.submit(create(admin, "ghost", key="k"))).is_replayed
        with pytest.raises(Forbidden) as refusal:
            await service.intake.submit(create(admin, "ghost", key="k", deferred=False))
        assert refusal.value.outcome == "not_applied"
    async with leading(settings):
        pass
    assert (titles(database), waiting(database)) == ([], 0)


async def test_who_joined_what_is_left_to_the_next_leader_is_told_that_it_is_unknown(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(database, tmp_path, queue_max_retries=0)
    async with leading(settings) as service:
        admin = await register(service)
        with monkeypatch.context() as broken:
            broken.setattr(operations, "end", _broken)
            await service.intake.submit(create(admin, key="k"))
            joined = asyncio.ensure_future(service.intake.submit(create(admin, key="k", deferred=False)))
            await asyncio.sleep(0)
            service.intake.close()
            with pytest.raises(OutcomeUnknown):
                await joined
    async with leading(settings):
        await ended(database, 201)
    assert titles(database) == ["a task"]


async def test_one_that_may_be_stored_is_not_let_go_when_its_lane_is_emptied() -> None:
    again: list[Deferred] = []
    deferred = Deferred(create(1), accepted_at=0.0, again=again.append, is_open=lambda: True)
    deferred.may_have_happened = True
    asked = deferred.stored
    deferred.resolve(DatabaseUnavailable())
    with pytest.raises(OutcomeUnknown):
        await asked
    await eventually(lambda: again == [deferred], what="another try")
    assert not deferred.future.done()


async def test_the_pauses_between_tries_grow_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_service.writer.deferred.LONGEST_RETRY_S", 0.2)
    pauses: list[float] = []
    deferred = Deferred(create(1), accepted_at=0.0, again=lambda _: None, is_open=lambda: True)
    deferred.resolve(Answer(202, {}))
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_later", lambda pause, *_: pauses.append(pause), raising=False)
    for _ in range(5):
        deferred.resolve(DatabaseUnavailable())
    monkeypatch.undo()
    assert pauses == [0.05, 0.1, 0.2, 0.2, 0.2]


def _broken(*_: Any) -> Any:
    raise OSError("no database")
