"""The clocks of a job: how long it may wait to be begun, how long one attempt may take, how long all of it."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from queue_service.service import QueueService
from shared.clock import iso
from shared.errors import Invalid
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.engine import claimed, make_known, registered, report, stored, submit
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.writer import command, settings_for

STALE = {"status": 409, "errorCode": "stale_attempt"}


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


async def given_up(service: QueueService, database: Database, job_id: int) -> None:
    await eventually(lambda: stored(database, job_id)[0] == "FAILED", what="the job being given up")


def ends(database: Database, job_id: int) -> list[tuple[Any, ...]]:
    return database.rows("SELECT outcome, error_message FROM job WHERE id = :id", id=job_id)


async def test_a_job_that_nobody_began_expires(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        job = await submit(service, taskType="U", expiresAt=iso(clock.now() + seconds(20)))
        clock.let_pass(seconds(10))
        await service.engine.tick()
        assert stored(database, job["id"])[0] == "PENDING"
        clock.let_pass(seconds(11))
        await given_up(service, database, job["id"])
        assert ends(database, job["id"]) == [("expired", "no unit had begun it when it expired")]
        assert database.rows("SELECT * FROM job_attempt") == []


async def test_a_job_that_was_begun_in_time_does_not_expire(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        job = await submit(service, expiresAt=iso(clock.now() + seconds(20)))
        [given] = await claimed(service)
        await report(service, given, "release")
        clock.let_pass(seconds(21))
        await service.engine.tick()
        await registered(service)
        [again] = await claimed(service, wait_s=5)
        assert (again.id, again.attempt) == (job["id"], 2)
        assert await report(service, again, "complete") == {"status": 200}


async def test_a_deadline_ends_the_attempt_that_runs(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        job = await submit(service, deadlineS=20, timeoutS=3600)
        [given] = await claimed(service)
        clock.let_pass(seconds(21))
        await given_up(service, database, job["id"])
        assert await report(service, given, "complete") == STALE
        assert stored(database, job["id"]) == ("FAILED", 1, 0, 0)
        assert database.rows("SELECT job_id, outcome FROM job_attempt") == [(job["id"], "deadline_exceeded")]
        assert service.engine.view()["leases"] == 0


async def test_a_deadline_ends_the_wait_for_another_attempt_and_what_was_reported_is_still_known(
    database: Database, tmp_path: Path
) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        job = await submit(service, deadlineS=20)
        [given] = await claimed(service)
        await report(service, given, "fail", error={"message": "no"}, retryInMs=3_600_000)
        clock.let_pass(seconds(21))
        await given_up(service, database, job["id"])
        assert ends(database, job["id"]) == [("deadline_exceeded", "the deadline of the job is over")]
        assert await report(service, given, "fail") == {"status": 200, "already": True}


async def test_a_deadline_counts_from_when_the_job_may_first_run(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        job = await submit(service, deadlineS=20, delayMs=60_000)
        assert datetime.fromisoformat(job["deadlineAt"]) == datetime.fromisoformat(job["runAt"]) + seconds(20)
        clock.let_pass(seconds(70))
        await service.engine.tick()
        assert stored(database, job["id"])[0] == "PENDING"
        clock.let_pass(seconds(11))
        await given_up(service, database, job["id"])


async def test_what_is_over_is_given_to_nobody(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        await make_known(service)
        over = [await submit(service, expiresAt=iso(clock.now() + seconds(at))) for at in (1, -1)]
        fresh = await submit(service)
        clock.let_pass(seconds(2))
        assert [job.id for job in await claimed(service, 10, wait_s=5)] == [fresh["id"]]
        for job in over:
            await given_up(service, database, job["id"])


async def test_more_than_one_command_holds_are_all_given_up_by_the_next_leader(
    database: Database, tmp_path: Path
) -> None:
    clock = MovableClock()
    many = [{"name": "a job", "taskType": "T", "expiresAt": iso(clock.now() + seconds(20))} for _ in range(500)]
    async with leading(settings_for(database, tmp_path), clock) as service:
        for _ in range(3):
            await service.intake.submit(command("submit-jobs", {"jobs": many}))
    clock.let_pass(seconds(21))
    async with leading(settings_for(database, tmp_path), clock):
        wanted = [("FAILED", "expired", 1500)]
        count = "SELECT status, outcome, COUNT(*) FROM job GROUP BY status, outcome"
        await eventually(lambda: database.rows(count) == wanted, what="all of them being given up")


def test_what_could_never_run_is_refused() -> None:
    late = {"runAt": "2099-01-01T00:00:00Z", "expiresAt": "2098-01-01T00:00:00Z"}
    with pytest.raises(Invalid) as refused:
        command("submit-job", {"name": "a job", "taskType": "T"} | late)
    assert "expiresAt must be after runAt" in refused.value.errors[0].message
