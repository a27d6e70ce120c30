"""What attempts leave behind while they run, in process, on both databases: steps, kept once, and lines of a log."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from queue_service.service import QueueService
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.engine import UNIT, claimed, registered, report, submit
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.writer import command, settings_for

STALE = {"status": 409, "errorCode": "stale_attempt"}
TOO_MUCH = {"status": 413, "errorCode": "payload_too_large"}


def steps(database: Database) -> list[tuple[Any, ...]]:
    return database.rows("SELECT job_id, name, attempt, result FROM job_step ORDER BY job_id, name")


def lines(database: Database) -> list[tuple[Any, ...]]:
    return database.rows("SELECT attempt, line, level, message, fields FROM job_log ORDER BY job_id, attempt, line")


async def test_a_step_is_kept_once_and_its_first_result_is_the_answer(
    service: QueueService, database: Database
) -> None:
    await registered(service)
    await submit(service)
    [job] = await claimed(service, wait_s=5)
    assert await report(service, job, "step", name="fetched", result={"rows": 3}) == {"status": 200}
    again = await report(service, job, "step", name="fetched", result={"rows": 4})
    assert again == {"status": 200, "already": True, "result": {"rows": 3}}
    assert await report(service, job, "step", name="sent") == {"status": 200}
    assert steps(database) == [(job.id, "fetched", 1, '{"rows":3}'), (job.id, "sent", 1, "null")]


async def test_the_next_attempt_is_given_what_the_ones_before_it_did(service: QueueService, database: Database) -> None:
    await registered(service)
    await submit(service)
    [job] = await claimed(service, wait_s=5)
    assert await service.engine.steps([job]) == {}
    await report(service, job, "step", name="fetched", result=[1, None])
    await report(service, job, "fail", error={"message": "no route"}, retryInMs=0)
    [job] = await claimed(service, wait_s=5)
    assert await service.engine.steps([job]) == {job.id: {"fetched": [1, None]}}
    again = await report(service, job, "step", name="fetched", result="x")
    assert again == {"status": 200, "already": True, "result": [1, None]}
    await report(service, job, "step", name="sent", result=None)
    assert [row[1:3] for row in steps(database)] == [("fetched", 1), ("sent", 2)]


async def test_with_another_payload_a_job_begins_from_its_beginning(service: QueueService, database: Database) -> None:
    await registered(service)
    job_id = (await submit(service))["id"]
    for config in (None, {"n": 2}):
        [job] = await claimed(service, wait_s=5)
        await report(service, job, "step", name="fetched", result=1)
        await report(service, job, "fail", retryable=False)
        assert len(steps(database)) == 1
        members = {} if config is None else {"config": config}
        await service.intake.submit(command("operate-job", {"taskId": job_id, "operation": "retry"} | members))
    assert steps(database) == []
    [job] = await claimed(service, wait_s=5)
    assert await service.engine.steps([job]) == {job_id: {}}


async def test_one_who_has_lost_the_lease_leaves_nothing_behind(service: QueueService, database: Database) -> None:
    await registered(service)
    job_id = (await submit(service))["id"]
    [job] = await claimed(service, wait_s=5)
    await service.intake.submit(command("operate-job", {"taskId": job_id, "operation": "cancel"}))
    assert await report(service, job, "step", name="fetched") == STALE
    assert await report(service, job, "log", line=1, message="still here") == STALE
    assert (steps(database), lines(database)) == ([], [])


async def test_what_leaves_the_row_as_it_is_is_judged_by_the_row(service: QueueService, database: Database) -> None:
    await registered(service)
    await submit(service)
    [job] = await claimed(service, wait_s=5)
    # the engine still believes that it runs
    await database.change("UPDATE job SET status = 'CANCELLED', version = version + 1 WHERE id = :id", id=job.id)
    assert await report(service, job, "step", name="fetched") == STALE
    assert await report(service, job, "log", line=1) == STALE


async def test_lines_are_kept_in_order_and_a_repetition_is_told(service: QueueService, database: Database) -> None:
    await registered(service)
    await submit(service)
    [job] = await claimed(service, wait_s=5)
    fence = {"taskId": job.id, "attempt": job.attempt, "leaseToken": job.lease_token, "kind": "log"}
    said = [
        fence | {"line": 1, "message": "ab 中"},
        fence | {"line": 2, "level": "warning", "message": "slow", "fields": {"ms": 7}},
        fence | {"line": 2, "message": "again"},
        fence | {"line": 5, "level": "error", "message": "no route"},
    ]
    answer = await service.intake.submit(command("report-jobs", {"unitId": UNIT[1], "reports": said}))
    assert answer.data["results"] == [
        {"status": 200},
        {"status": 200},
        {"status": 200, "already": True},
        {"status": 200},
    ]
    answer = await service.intake.submit(command("report-jobs", {"unitId": UNIT[1], "reports": said}))
    assert answer.data["results"] == [{"status": 200, "already": True}] * 4
    kept = [
        (1, 1, "info", "ab 中", "{}"),
        (1, 2, "warning", "slow", '{"ms":7}'),
        (1, 5, "error", "no route", "{}"),
    ]
    assert lines(database) == kept
    await report(service, job, "release")
    [job] = await claimed(service, wait_s=5)
    assert await report(service, job, "log", line=1, message="anew") == {"status": 200}
    assert lines(database) == [*kept, (2, 1, "info", "anew", "{}")]


async def test_there_is_an_end_to_what_a_job_may_leave(
    service: QueueService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(service)
    await submit(service)
    [job] = await claimed(service, wait_s=5)
    assert await report(service, job, "log", line=10_000) == {"status": 200}
    assert await report(service, job, "log", line=10_001) == TOO_MUCH
    for n in range(3):
        assert await report(service, job, "step", name=f"s{n}", result="x" * 20_000) == {"status": 200}
    assert await report(service, job, "step", name="large", result="x" * 20_000) == TOO_MUCH
    monkeypatch.setattr("queue_service.commands.notebook.MAX_STEPS", 4)
    assert await report(service, job, "step", name="fourth") == {"status": 200}
    assert await report(service, job, "step", name="fifth") == TOO_MUCH
    assert len(steps(database)) == 4


async def test_steps_and_lines_go_with_their_job(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.loops.retention.PERIOD_S", 0.02)
    monkeypatch.setattr("queue_service.loops.retention.NEWEST_KEPT", 0)
    monkeypatch.setattr("queue_service.store.jobs._MOST_ROWS", 5)
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        for _ in range(3):
            await submit(service)
        for job in await claimed(service, 3, wait_s=5):
            await report(service, job, "step", name="fetched")
            for line in range(1, 5):
                await report(service, job, "log", line=line)
            await report(service, job, "complete")
        assert (len(steps(database)), len(lines(database))) == (3, 12)
        clock.let_pass(timedelta(hours=2))
        await eventually(lambda: database.rows("SELECT id FROM job") == [], what="the jobs being forgotten")
        assert (steps(database), lines(database)) == ([], [])
