"""What people and programs do to jobs, in process, on both databases: each operation, while units run them."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from queue_service.service import QueueService
from shared.errors import NotFound, VersionConflict, WrongState
from shared.job_commands import Beat
from shared.jobs import Job
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.engine import UNIT, claimed, make_known, registered, report, stored, submit
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.one_batch import held_back
from tests.support.writer import command, register, settings_for


async def operate(service: QueueService, job_id: int, operation: str, **members: Any) -> dict[str, Any]:
    data = {"taskId": job_id, "operation": operation} | members
    answer = await service.intake.submit(command("operate-job", data))
    job: dict[str, Any] = answer.data
    return job


async def set_status(
    service: QueueService, job_id: int, status: str, *, actor: int | None = None, **members: Any
) -> dict[str, Any]:
    data = {"taskId": job_id, "status": status} | members
    answer = await service.intake.submit(command("set-job-status", data, actor=actor))
    job: dict[str, Any] = answer.data
    return job


def beat(service: QueueService, *held: Job) -> dict[str, Any]:
    leases = [{"taskId": job.id, "attempt": job.attempt} for job in held]
    return service.engine.beat(UNIT, Beat.model_validate({"currentLoad": 0, "leases": leases}))


async def test_a_paused_job_is_given_to_nobody_until_it_is_resumed(service: QueueService, database: Database) -> None:
    await registered(service)
    await make_known(service)
    paused, other = [(await submit(service))["id"] for _ in range(2)]
    assert (await operate(service, paused, "pause"))["status"] == "PAUSED"
    assert [job.id for job in await claimed(service, 5)] == [other]
    waiting = asyncio.ensure_future(claimed(service, wait_s=30))
    assert (await operate(service, paused, "resume"))["status"] == "PENDING"
    assert [job.id for job in await waiting] == [paused]


async def test_a_new_leader_gives_nobody_what_is_paused(database: Database, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    async with leading(settings) as service:
        await registered(service)
        job_id = (await submit(service))["id"]
        await operate(service, job_id, "pause")
    async with leading(settings) as service:
        assert await claimed(service) == []
        await operate(service, job_id, "resume")
        assert [job.id for job in await claimed(service)] == [job_id]


async def test_what_is_started_runs_before_its_time(service: QueueService) -> None:
    await registered(service)
    later, paused = [(await submit(service, delayMs=3_600_000))["id"] for _ in range(2)]
    await operate(service, paused, "pause")
    assert await claimed(service) == []
    assert [(await operate(service, job_id, "start"))["reason"] for job_id in (later, paused)] == ["ready"] * 2
    assert [job.id for job in await claimed(service, 2)] == [later, paused]


async def test_a_cancelled_job_that_waits_is_given_to_nobody(service: QueueService, database: Database) -> None:
    await registered(service)
    await make_known(service)
    job_id = (await submit(service))["id"]
    cancelled = await operate(service, job_id, "cancel")
    assert (cancelled["status"], cancelled["completedAt"] is not None) == ("CANCELLED", True)
    assert await claimed(service) == []
    assert stored(database, job_id) == ("CANCELLED", 0, 0, 0)


async def test_a_job_that_is_leased_and_cancelled_by_one_batch_is_given_to_nobody(
    service: QueueService, database: Database
) -> None:
    await registered(service)
    await make_known(service)
    job_id, other = [(await submit(service))["id"] for _ in range(2)]
    await eventually(lambda: not service.engine._backlog.is_reading, what="the index being read")
    async with held_back(service):
        waiting = asyncio.ensure_future(claimed(service, 2, wait_s=10))
        await eventually(lambda: bool(service.engine._offers), what="a lease on its way")
        cancelling = asyncio.ensure_future(operate(service, job_id, "cancel"))
        await asyncio.sleep(0)
    assert (await cancelling)["status"] == "CANCELLED"
    assert [job.id for job in await waiting] == [other]
    assert stored(database, job_id) == ("CANCELLED", 1, 0, 0)
    assert service.engine.view()["leases"] == 1


async def test_who_does_not_wait_for_an_end_costs_nobody_a_connection(service: QueueService) -> None:
    job_id = (await submit(service))["id"]
    connection = service.engine._session._connection
    for within_s in (0, 0.001):
        await service.engine.endings.wait(job_id, within_s)
    hung_up = asyncio.ensure_future(service.engine.endings.wait(job_id, 30))
    await asyncio.sleep(0)
    hung_up.cancel()
    await service.engine.endings.wait(job_id, 0)
    assert service.engine._session._connection is connection


async def test_the_unit_of_a_cancelled_job_is_told_and_what_it_reports_counts_no_more(
    service: QueueService, database: Database
) -> None:
    await registered(service)
    await submit(service)
    await submit(service)
    [job, other] = await claimed(service, 2)
    await operate(service, job.id, "cancel")
    assert stored(database, job.id) == ("CANCELLED", 1, 0, 0)
    assert database.rows("SELECT attempt, outcome FROM job_attempt") == [(1, "cancelled")]
    assert service.engine.view()["leases"] == 1
    for _ in range(2):  # until it is heard
        told = beat(service, job, other)
        assert (told["cancel"], told["lost"]) == ([job.id], [])
    assert await report(service, job, "complete") == {"status": 409, "errorCode": "stale_attempt"}
    assert await report(service, other, "complete") == {"status": 200}


async def test_a_bare_beat_tells_of_what_was_cancelled_for_as_long_as_a_lease(
    database: Database, tmp_path: Path
) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        await submit(service)
        [job] = await claimed(service)
        await operate(service, job.id, "cancel")
        bare = Beat.model_validate({"currentLoad": 0})
        assert service.engine.beat(UNIT, bare)["cancel"] == [job.id]
        clock.let_pass(timedelta(seconds=15))
        assert service.engine.beat(UNIT, bare)["cancel"] == [job.id]
        clock.let_pass(timedelta(seconds=15))
        assert service.engine.beat(UNIT, bare)["cancel"] == []


async def test_what_the_unit_names_no_more_is_not_told_again(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        await submit(service)
        [job] = await claimed(service)
        await operate(service, job.id, "cancel")
        assert beat(service)["cancel"] == [job.id]  # the claim may be on its way still
        clock.let_pass(timedelta(seconds=1))
        assert beat(service)["cancel"] == []
        assert beat(service, job) | {"drain": False} == {"cancel": [], "lost": [job.id], "drain": False}


async def test_a_job_that_is_given_again_to_the_unit_that_was_to_cancel_it_is_not_cancelled(
    service: QueueService, database: Database
) -> None:
    await registered(service)
    await submit(service)
    [first] = await claimed(service)
    await operate(service, first.id, "cancel")
    assert (await operate(service, first.id, "retry"))["status"] == "PENDING"
    [second] = await claimed(service, wait_s=5)
    assert (second.id, second.attempt) == (first.id, 2)
    assert beat(service, second)["cancel"] == []
    assert await report(service, first, "complete") == {"status": 409, "errorCode": "stale_attempt"}
    assert await report(service, second, "complete") == {"status": 200}
    assert database.rows("SELECT attempt, outcome FROM job_attempt") == [(1, "cancelled")]


@pytest.mark.parametrize("how", ["complete", "fail", "cancel"])
async def test_a_finished_job_is_tried_anew(service: QueueService, database: Database, how: str) -> None:
    await registered(service)
    await submit(service, config={"a": 1}, maxAttempts=1)
    [first] = await claimed(service)
    if how == "cancel":
        await operate(service, first.id, "cancel")
    else:
        assert await report(service, first, how) == {"status": 200}
    again = await operate(service, first.id, "retry", config={"a": 2})
    assert (again["status"], again["errorCount"], again["result"], again["config"]) == ("PENDING", 0, None, {"a": 2})
    [second] = await claimed(service, wait_s=5)
    assert (second.attempt, second.config) == (2, '{"a":2}')
    if how == "complete":
        assert await report(service, first, "complete") == {"status": 200, "already": True}
    assert await report(service, second, "complete") == {"status": 200}
    outcome = {"complete": "completed", "fail": "failed", "cancel": "cancelled"}[how]
    assert database.rows("SELECT attempt, outcome FROM job_attempt") == [(1, outcome)]


async def test_another_priority_and_another_time(service: QueueService) -> None:
    await registered(service)
    await make_known(service)
    first, second, third = [(await submit(service))["id"] for _ in range(3)]
    assert (await operate(service, third, "reprioritise", priority=0))["priority"] == 0
    assert (await operate(service, first, "reschedule", delayMs=3_600_000))["reason"] == "scheduled"
    assert [job.id for job in await claimed(service, 5)] == [third, second]
    assert (await operate(service, first, "reschedule", runAt="2020-01-01T00:00:00Z"))["reason"] == "ready"
    assert [job.id for job in await claimed(service, 5)] == [first]


async def test_the_priority_of_a_paused_job_is_that_with_which_it_is_resumed(service: QueueService) -> None:
    await registered(service)
    first, second = [(await submit(service))["id"] for _ in range(2)]
    await operate(service, second, "pause")
    await operate(service, second, "reprioritise", priority=0)
    await operate(service, second, "resume")
    assert [job.id for job in await claimed(service, 5)] == [second, first]


@pytest.mark.parametrize("member", ["deadlineS", "expiresAt"])
async def test_a_paused_job_ends_when_its_time_is_over(database: Database, tmp_path: Path, member: str) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        at = (clock.now() + timedelta(seconds=60)).isoformat().replace("+00:00", "Z")
        job_id = (await submit(service, **{member: 60 if member == "deadlineS" else at}))["id"]
        await operate(service, job_id, "pause")
        clock.let_pass(timedelta(seconds=61))
        await service.engine.tick()
        assert stored(database, job_id) == ("FAILED", 0, 0, 0)


@pytest.mark.parametrize(
    ("status", "operation", "possible"),
    [
        ("RUNNING", "pause", ["cancel"]),
        ("RUNNING", "retry", ["cancel"]),
        ("PENDING", "resume", ["cancel", "pause", "reprioritise", "reschedule", "start"]),
        ("CANCELLED", "cancel", ["retry"]),
    ],
)
async def test_what_the_state_does_not_allow_is_refused_with_what_it_does(
    service: QueueService, database: Database, status: str, operation: str, possible: list[str]
) -> None:
    await registered(service)
    job_id = (await submit(service))["id"]
    if status == "RUNNING":
        await claimed(service)
    elif status == "CANCELLED":
        await operate(service, job_id, "cancel")
    noted = database.rows("SELECT COUNT(*) FROM job_intervention")
    with pytest.raises(WrongState) as refused:
        await operate(service, job_id, operation)
    assert refused.value.extra["possible"] == possible
    assert refused.value.extra["current"]["status"] == status
    assert database.rows("SELECT COUNT(*) FROM job_intervention") == noted


async def test_a_stale_version_and_a_job_that_is_not_there_are_refused(service: QueueService) -> None:
    job = await submit(service)
    data = {"taskId": job["id"], "operation": "pause"}
    with pytest.raises(VersionConflict) as refused:
        await service.intake.submit(command("operate-job", data, version=2))
    assert refused.value.extra["current"]["version"] == 1
    with pytest.raises(NotFound):
        await operate(service, 4711, "pause")


async def test_somebody_runs_a_job_themselves(service: QueueService, database: Database) -> None:
    await registered(service)
    admin = await register(service)
    job_id = (await submit(service))["id"]
    begun = await set_status(service, job_id, "RUNNING", actor=admin)
    assert (begun["status"], begun["attempt"], begun["executionUnitId"]) == ("RUNNING", 1, f"manual:{admin}")
    assert await claimed(service) == []
    done = await set_status(service, job_id, "COMPLETED", actor=admin, result={"rows": 3})
    assert (done["status"], done["result"]) == ("COMPLETED", {"rows": 3})
    assert service.engine.view()["leases"] == 0


async def test_somebody_fails_at_a_job_or_hands_it_back(service: QueueService, database: Database) -> None:
    await registered(service)
    admin = await register(service)
    job_id = (await submit(service))["id"]
    for status in ("RUNNING", "PENDING", "RUNNING", "FAILED"):
        assert (await set_status(service, job_id, status, actor=admin))["status"] == status
    assert stored(database, job_id) == ("FAILED", 2, 1, 0)
    assert database.rows("SELECT attempt, outcome FROM job_attempt ORDER BY attempt") == [
        (1, "released"),
        (2, "failed"),
    ]
    assert (await set_status(service, job_id, "PENDING", actor=admin))["status"] == "PENDING"
    assert [job.attempt for job in await claimed(service)] == [3]


async def test_only_who_runs_a_job_ends_it_by_its_state(service: QueueService) -> None:
    await registered(service)
    admin = await register(service)
    held_by_unit = (await submit(service))["id"]
    await claimed(service)
    held_by_another = (await submit(service))["id"]
    await set_status(service, held_by_another, "RUNNING")  # the system itself
    for job_id in (held_by_unit, held_by_another):
        for status in ("COMPLETED", "FAILED", "PENDING", "RUNNING", "PAUSED"):
            with pytest.raises(WrongState):
                await set_status(service, job_id, status, actor=admin)
        assert (await set_status(service, job_id, "CANCELLED", actor=admin))["status"] == "CANCELLED"


async def test_what_somebody_runs_too_long_is_an_error_and_goes_back(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    settings = settings_for(database, tmp_path)
    async with leading(settings, clock) as service:
        admin = await register(service)
        job_id = (await submit(service, timeoutS=1_000))["id"]
        await set_status(service, job_id, "RUNNING", actor=admin)
        clock.let_pass(timedelta(seconds=500))
        await service.engine.tick()
        assert stored(database, job_id) == ("RUNNING", 1, 0, 0)  # no beat is asked of people
        clock.let_pass(timedelta(seconds=500))
        await service.engine.tick()
        assert stored(database, job_id) == ("PENDING", 1, 1, 0)
    async with leading(settings, clock) as service:  # one that begins gives it its whole time again
        await set_status(service, job_id, "RUNNING", actor=admin)
    async with leading(settings, clock) as service:
        clock.let_pass(timedelta(seconds=500))
        await service.engine.tick()
        assert stored(database, job_id) == ("RUNNING", 2, 1, 0)
        clock.let_pass(timedelta(seconds=500))
        await service.engine.tick()
        assert stored(database, job_id) == ("PENDING", 2, 2, 0)


async def test_what_was_done_is_kept_with_the_job_and_forgotten_with_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.loops.retention.PERIOD_S", 0.02)
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        job_id = (await submit(service))["id"]
        await operate(service, job_id, "reprioritise", priority=1)
        await operate(service, job_id, "cancel")
        kept = database.rows("SELECT version, action, actor_kind, details FROM job_intervention ORDER BY version")
        assert kept == [(2, "reprioritise", "system", '{"from":5,"to":1}'), (3, "cancel", "system", "{}")]
        clock.let_pass(timedelta(hours=25))
        await eventually(lambda: database.rows("SELECT * FROM job") == [], what="the job being forgotten")
        assert database.rows("SELECT * FROM job_intervention") == []
        assert [int(jobs) for (jobs,) in database.rows("SELECT SUM(jobs) FROM job_count")] == [0]
