"""Finished jobs are kept as long as is said, and no longer."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from queue_service.service import QueueService
from queue_service.store.session import Transaction
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.engine import claimed, registered, report, submit
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.writer import command, settings_for


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_service.loops.retention.PERIOD_S", 0.02)


async def finish(service: QueueService, how: str, count: int) -> list[int]:
    """Jobs that a unit has handed back once and then completed, or failed for good."""
    await registered(service, capacity=500)
    many = [{"name": "a job", "taskType": "T"}] * count
    await service.intake.submit(command("submit-jobs", {"jobs": many}))
    for job in await claimed(service, count, wait_s=5):
        await report(service, job, "release")
    given = await claimed(service, count, wait_s=5)
    for job in given:
        await report(service, job, how, retryable=False)
    return [job.id for job in given]


def kept(database: Database) -> list[int]:
    return [row[0] for row in database.rows("SELECT id FROM job ORDER BY id")]


def attempts(database: Database) -> list[int]:
    return [row[0] for row in database.rows("SELECT job_id FROM job_attempt ORDER BY job_id")]


async def looked(service: QueueService) -> None:
    """A whole run of the loop has begun and ended since the call: of two ends, the second began after it."""
    seen = service.loops.runs["retention"]
    await eventually(lambda: service.loops.runs["retention"] >= seen + 2, what="two runs of retention")


async def test_completed_jobs_go_after_an_hour_but_for_the_newest(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.loops.retention.NEWEST_KEPT", 3)
    monkeypatch.setattr("queue_service.loops.retention._CHUNK", 2)
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        ids = await finish(service, "complete", 8)
        waiting = (await submit(service, taskType="U"))["id"]
        clock.let_pass(timedelta(minutes=59))
        await looked(service)
        assert kept(database) == [*ids, waiting]
        clock.let_pass(timedelta(minutes=2))
        await eventually(lambda: kept(database) == [*ids[-3:], waiting], what="the old ones being forgotten")
        assert attempts(database) == ids[-3:]
        newer = await finish(service, "complete", 2)
        await eventually(lambda: kept(database) == [ids[-1], waiting, *newer], what="the newest three being kept")


async def test_failed_jobs_go_after_a_day(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        ids = await finish(service, "fail", 2)
        clock.let_pass(timedelta(hours=23))
        await looked(service)
        assert kept(database) == ids
        clock.let_pass(timedelta(hours=2))
        await eventually(lambda: kept(database) == [], what="them being forgotten")
        assert attempts(database) == []


async def test_a_clock_that_jumps_ahead_forgets_nothing(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        ids = await finish(service, "fail", 1)
        clock.jump(timedelta(days=30))
        await looked(service)
        assert kept(database) == ids


@pytest.mark.only_on("mysql")  # on SQLite nothing is committed meanwhile: all share one connection
async def test_what_is_tried_anew_while_it_is_about_to_be_forgotten_stays(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        kept_id, gone_id = await finish(service, "fail", 2)
        execute, retried = Transaction.execute, list[int]()

        async def execute_after_a_retry(tx: Transaction, statement: Any, *more: Any) -> Any:
            if getattr(statement, "_for_update_arg", None) is not None and not retried:
                retried.append(kept_id)
                await service.intake.submit(command("operate-job", {"taskId": kept_id, "operation": "retry"}))
            return await execute(tx, statement, *more)

        monkeypatch.setattr(Transaction, "execute", execute_after_a_retry)
        clock.let_pass(timedelta(hours=25))
        await eventually(lambda: gone_id not in kept(database), what="the other one being forgotten")
        assert retried == kept(database) == [kept_id]
        counted = database.rows("SELECT status, SUM(jobs) FROM job_count GROUP BY status")
        assert {status: int(jobs) for status, jobs in counted if jobs} == {"PENDING": 1}


async def test_a_report_on_a_job_that_was_forgotten_finds_none(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        await submit(service, maxAttempts=1)
        [given] = await claimed(service)
        await report(service, given, "fail")
        clock.let_pass(timedelta(hours=25))
        await eventually(lambda: kept(database) == [], what="it being forgotten")
        assert await report(service, given, "fail") == {"status": 404, "errorCode": "not_found"}


async def test_a_job_says_how_long_it_is_kept(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.loops.retention.NEWEST_KEPT", 0)
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        wishes = {
            "long": {"completedS": 7 * 86_400},
            "short": {"completedS": 60, "failedS": 60},
            "short where it fails": {"failedS": 60},
        }
        ids = {name: (await submit(service, retention=wish))["id"] for name, wish in wishes.items()}
        for job in await claimed(service, 3, wait_s=5):
            await report(service, job, "complete")
        clock.let_pass(timedelta(seconds=61))
        await looked(service)
        assert kept(database) == [ids["long"], ids["short where it fails"]]
        clock.let_pass(timedelta(days=6))
        await looked(service)
        assert kept(database) == [ids["long"]]
        clock.let_pass(timedelta(days=1))
        await looked(service)
        assert kept(database) == []
        await registered(service)
        failing = (await submit(service, retention={"failedS": 60}))["id"]
        for job in await claimed(service, 3, wait_s=5):
            await report(service, job, "fail", retryable=False)
        assert kept(database) == [failing]
        clock.let_pass(timedelta(seconds=61))
        await looked(service)
        assert kept(database) == []


async def test_what_says_how_long_it_is_kept_is_not_among_the_newest(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.loops.retention.NEWEST_KEPT", 2)
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service, capacity=500)
        usual = [(await submit(service))["id"] for _ in range(3)]
        short = (await submit(service, retention={"completedS": 0}))["id"]
        long = [(await submit(service, retention={"completedS": 86_400}))["id"] for _ in range(3)]
        for job in await claimed(service, 10, wait_s=5):
            await report(service, job, "complete")
        await looked(service)
        assert kept(database) == [*usual, *long], short
        clock.let_pass(timedelta(hours=3))
        await looked(service)
        # two usual ones are the newest, though others have longer to stay
        assert kept(database) == [*usual[1:], *long]
        clock.let_pass(timedelta(days=1))
        await looked(service)
        assert kept(database) == usual[1:]
