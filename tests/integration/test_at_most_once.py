"""Jobs that may run at most once, in process, on both databases: whatever becomes of the attempt, no second one is made
by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from queue_service.service import QueueService
from shared.errors import WrongState
from shared.job_commands import Beat
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.engine import UNIT, claimed, registered, report, submit
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.writer import command, settings_for


def row(database: Database, job_id: int) -> tuple[Any, ...]:
    """Status, attempt, and how that ended."""
    [found] = database.rows("SELECT status, attempt, outcome FROM job WHERE id = :id", id=job_id)
    return found


async def silence(service: QueueService, clock: MovableClock) -> None:
    clock.let_pass(timedelta(seconds=31))


async def slowness(service: QueueService, clock: MovableClock) -> None:
    for _ in range(3):
        clock.let_pass(timedelta(seconds=21))
        service.engine.beat(UNIT, Beat(currentLoad=1))


async def forgetting(service: QueueService, clock: MovableClock) -> None:
    clock.let_pass(timedelta(seconds=2))
    service.engine.beat(UNIT, Beat(currentLoad=0, leases=[]))


async def another_process(service: QueueService, clock: MovableClock) -> None:
    await registered(service, bootNonce="another")


async def deletion(service: QueueService, clock: MovableClock) -> None:
    await service.intake.submit(command("change-unit", {"unitId": UNIT[1], "to": "GONE"}))


@pytest.mark.parametrize(
    ("loss", "outcome"),
    [
        (silence, "crashed"),
        (another_process, "crashed"),
        (slowness, "timed_out"),
        (forgetting, "released"),
        (deletion, "released"),
    ],
)
async def test_an_attempt_that_nobody_reported_on_is_the_last(
    database: Database, tmp_path: Path, loss: Any, outcome: str
) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service, bootNonce="one")
        job_id = (await submit(service, atMostOnce=True))["id"]
        assert len(await claimed(service, wait_s=5)) == 1
        await loss(service, clock)
        await eventually(lambda: row(database, job_id)[0] != "RUNNING", what="the end of the attempt")
        assert row(database, job_id) == ("FAILED", 1, outcome)
        [record] = database.rows("SELECT outcome FROM job_attempt WHERE job_id = :id", id=job_id)
        assert record == (outcome,)


async def test_an_error_is_not_tried_again(service: QueueService, database: Database) -> None:
    await registered(service)
    job_id = (await submit(service, atMostOnce=True, maxAttempts=5))["id"]
    [job] = await claimed(service, wait_s=5)
    assert await report(service, job, "fail", error={"message": "no route"}, retryInMs=0) == {"status": 200}
    assert row(database, job_id) == ("FAILED", 1, "failed")


@pytest.mark.parametrize("how", ["release", "snooze"])
async def test_it_is_handed_back_only_by_a_unit_that_never_started_it(
    service: QueueService, database: Database, how: str
) -> None:
    await registered(service)
    job_id = (await submit(service, atMostOnce=True))["id"]
    [job] = await claimed(service, wait_s=5)
    assert await report(service, job, how) == {"status": 409, "errorCode": "may_have_started"}
    assert row(database, job_id) == ("RUNNING", 1, None)
    assert await report(service, job, how, neverStarted=True) == {"status": 200}
    assert row(database, job_id)[0] == "PENDING"
    [again] = await claimed(service, wait_s=5)
    assert await report(service, again, "complete") == {"status": 200}
    assert row(database, job_id) == ("COMPLETED", 2, "completed")


async def test_what_was_taken_from_its_unit_was_not_handed_back(service: QueueService, database: Database) -> None:
    await registered(service)
    job_id = (await submit(service, atMostOnce=True))["id"]
    [job] = await claimed(service, wait_s=5)
    await service.intake.submit(command("change-unit", {"unitId": UNIT[1], "to": "OFFLINE"}))
    await eventually(lambda: row(database, job_id) == ("FAILED", 1, "released"), what="its end")
    for never_started in (False, True):
        said = await report(service, job, "release", neverStarted=never_started)
        assert said == {"status": 409, "errorCode": "stale_attempt"}


async def test_somebody_who_runs_it_themselves_has_begun_it(service: QueueService, database: Database) -> None:
    job_id = (await submit(service, atMostOnce=True))["id"]
    data = {"taskId": job_id, "status": "RUNNING"}
    await service.intake.submit(command("set-job-status", data))
    with pytest.raises(WrongState):
        await service.intake.submit(command("set-job-status", data | {"status": "PENDING"}))
    await service.intake.submit(command("set-job-status", data | {"status": "COMPLETED"}))
    assert row(database, job_id) == ("COMPLETED", 1, "completed")


async def test_a_new_leader_makes_no_second_attempt(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    settings = settings_for(database, tmp_path)
    async with leading(settings, clock) as service:
        await registered(service)
        job_id = (await submit(service, atMostOnce=True))["id"]
        [job] = await claimed(service, wait_s=5)
    async with leading(settings, clock) as service:
        clock.let_pass(timedelta(seconds=31))
        await eventually(lambda: row(database, job_id)[0] != "RUNNING", what="the end of the attempt")
        assert row(database, job_id) == ("FAILED", 1, "crashed")
        assert (await report(service, job, "complete"))["status"] == 409


async def test_somebody_may_decide_that_it_runs_again(service: QueueService, database: Database) -> None:
    await registered(service)
    job_id = (await submit(service, atMostOnce=True))["id"]
    [job] = await claimed(service, wait_s=5)
    await report(service, job, "fail")
    await service.intake.submit(command("operate-job", {"taskId": job_id, "operation": "retry"}))
    assert [job.id for job in await claimed(service, wait_s=5)] == [job_id]
