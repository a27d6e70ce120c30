"""Unique keys of jobs, in process, on both databases: one unfinished job of a department and type has a key."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from queue_service.domain.command import Answer
from queue_service.service import QueueService
from shared.errors import UniqueConflict
from shared.jobs import Job
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.engine import claimed, make_known, registered, report, stored, submit
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.one_batch import held_back
from tests.support.writer import command, settings_for

KEY = "report-2026-11"
HOUR = timedelta(hours=1)


async def wanted(service: QueueService, **members: Any) -> Answer:
    new = {"name": "a job", "taskType": "T", "uniqueKey": KEY} | members
    return await service.intake.submit(command("submit-job", new))


async def retried(service: QueueService, job_id: int) -> Answer:
    return await service.intake.submit(command("operate-job", {"taskId": job_id, "operation": "retry"}))


def holders(database: Database) -> list[int]:
    return [row[0] for row in database.rows("SELECT job_id FROM job_unique_key ORDER BY job_id")]


def unfinished(database: Database) -> list[int]:
    statement = "SELECT id FROM job WHERE unique_key = :key AND status IN ('PENDING', 'RUNNING', 'PAUSED') ORDER BY id"
    return [row[0] for row in database.rows(statement, key=KEY)]


async def run(service: QueueService, how: str, **members: Any) -> Job:
    [job] = await claimed(service, wait_s=5)
    assert await report(service, job, how, **members) == {"status": 200}
    return job


@pytest.mark.parametrize("state", ["waiting", "running", "paused", "failed once"])
async def test_while_a_job_has_the_key_it_is_the_answer(service: QueueService, database: Database, state: str) -> None:
    await registered(service)
    first = await wanted(service, config={"n": 1})
    assert first.status == 201
    match state:
        case "running":
            await claimed(service, wait_s=5)
        case "paused":
            data = {"taskId": first.data["id"], "operation": "pause"}
            await service.intake.submit(command("operate-job", data))
        case "failed once":
            await run(service, "fail", error={"message": "no route"}, retryInMs=3_600_000)
        case _:
            pass
    again = await wanted(service, config={"n": 2}, uniqueMode="return")
    assert (again.status, again.data["id"], again.data["conflict"]) == (200, first.data["id"], True)
    assert again.data["config"] == {"n": 1}
    with pytest.raises(UniqueConflict) as refusal:
        await wanted(service, uniqueMode="reject")
    assert refusal.value.extra["current"]["id"] == first.data["id"]
    assert unfinished(database) == holders(database) == [first.data["id"]]


async def test_another_type_and_another_key_are_free(service: QueueService, database: Database) -> None:
    ids = [(await wanted(service, **members)).data["id"] for members in ({}, {"taskType": "U"}, {"uniqueKey": "other"})]
    assert len(set(ids)) == 3
    assert holders(database) == sorted(ids)


@pytest.mark.parametrize("how", ["complete", "fail", "cancel", "expire"])
async def test_a_finished_job_lets_its_key_go(database: Database, tmp_path: Path, how: str) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        members = {"expiresAt": (clock.now() + HOUR).isoformat()} if how == "expire" else {}
        first = (await wanted(service, **members)).data["id"]
        match how:
            case "cancel":
                await service.intake.submit(command("operate-job", {"taskId": first, "operation": "cancel"}))
            case "expire":
                clock.let_pass(2 * HOUR)
                await eventually(lambda: stored(database, first)[0] == "FAILED", what="its end")
            case _:
                await run(service, how, retryable=False)
        assert holders(database) == []
        second = await wanted(service)
        assert (second.status, holders(database)) == (201, [second.data["id"]])


async def test_a_window_keeps_others_off_after_the_end_too(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        first = (await wanted(service, uniqueForS=7_200)).data["id"]
        await run(service, "complete", result={"rows": 3})
        clock.let_pass(HOUR)
        again = (await wanted(service)).data
        assert (again["id"], again["result"], again["conflict"]) == (first, {"rows": 3}, True)
        clock.let_pass(HOUR)
        await registered(service)
        second = await wanted(service, uniqueForS=60)
        assert (second.status, holders(database)) == (201, [second.data["id"]])
        clock.let_pass(HOUR)
        # its window is over, but it is not finished
        assert (await wanted(service)).data["id"] == second.data["id"]


async def test_within_its_window_a_job_is_kept(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.loops.retention.PERIOD_S", 0.02)
    monkeypatch.setattr("queue_service.loops.retention.NEWEST_KEPT", 0)
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        first = (await wanted(service, uniqueForS=3 * 3_600)).data["id"]
        other = (await submit(service))["id"]
        await run(service, "complete")
        await run(service, "complete")
        clock.let_pass(2 * HOUR)
        await eventually(
            lambda: not database.rows("SELECT id FROM job WHERE id = :id", id=other), what="the other gone"
        )
        assert (await wanted(service)).data["id"] == first
        clock.let_pass(2 * HOUR)
        await eventually(lambda: not database.rows("SELECT id FROM job WHERE id = :id", id=first), what="it gone")
        assert holders(database) == []
        assert (await wanted(service)).status == 201


async def test_one_that_waits_is_replaced(service: QueueService, database: Database) -> None:
    await registered(service)
    await make_known(service)
    first = (await wanted(service, config={"n": 1})).data["id"]
    second = await wanted(service, config={"n": 2}, uniqueMode="replace")
    assert second.status == 201
    assert stored(database, first)[0] == "CANCELLED"
    assert holders(database) == unfinished(database) == [second.data["id"]]
    [noted] = database.rows("SELECT action, details FROM job_intervention WHERE job_id = :id", id=first)
    assert noted == ("cancel", f'{{"replacedBy":{second.data["id"]}}}')
    [entry] = database.rows("SELECT entity_id FROM audit_entry WHERE action = 'job.cancel'")
    assert entry == (first,)
    assert [job.config for job in await claimed(service, 5, wait_s=5)] == ['{"n":2}']


async def test_one_that_runs_runs_on_beside_the_one_that_replaces_it(service: QueueService, database: Database) -> None:
    await registered(service)
    first = (await wanted(service)).data["id"]
    [running] = await claimed(service, wait_s=5)
    second = (await wanted(service, uniqueMode="replace")).data["id"]
    assert (unfinished(database), holders(database)) == ([first, second], [second])
    assert await report(service, running, "complete") == {"status": 200}
    assert (unfinished(database), holders(database)) == ([second], [second])


@pytest.mark.parametrize(("how", "outcome"), [("fail", "failed"), ("release", "released"), ("snooze", "snoozed")])
async def test_what_was_replaced_while_it_ran_does_not_run_again(
    service: QueueService, database: Database, how: str, outcome: str
) -> None:
    await registered(service)
    first = (await wanted(service, config={"n": 1})).data["id"]
    [running] = await claimed(service, wait_s=5)
    second = (await wanted(service, config={"n": 2}, uniqueMode="replace")).data["id"]
    assert await report(service, running, how, retryInMs=0, delayMs=0) == {"status": 200}
    assert await report(service, running, how, retryInMs=0, delayMs=0) == {"status": 200, "already": True}
    assert (unfinished(database), holders(database)) == ([second], [second])
    [row] = database.rows("SELECT status, outcome, error_message FROM job WHERE id = :id", id=first)
    assert row == ("CANCELLED", outcome, "replaced by a later job while it ran")
    assert [job.id for job in await claimed(service, 5, wait_s=5)] == [second]


async def test_what_was_replaced_and_crashed_does_not_run_again(service: QueueService, database: Database) -> None:
    await registered(service, bootNonce="one")
    first = (await wanted(service)).data["id"]
    await claimed(service, wait_s=5)
    second = (await wanted(service, uniqueMode="replace")).data["id"]
    await registered(service, bootNonce="another")
    await eventually(lambda: stored(database, first)[0] == "CANCELLED", what="its end")
    assert unfinished(database) == [second]


@pytest.mark.parametrize("again", ["operate-job retry", "submit-job"])
async def test_a_retry_and_a_submission_of_one_batch_share_no_key(
    service: QueueService, database: Database, again: str
) -> None:
    await registered(service)
    first = (await wanted(service)).data["id"]
    await run(service, "fail", retryable=False)
    async with held_back(service):
        coming = [asyncio.ensure_future(retried(service, first)), asyncio.ensure_future(wanted(service))]
        coming = coming if again == "operate-job retry" else coming[::-1]
        await asyncio.sleep(0)
    await asyncio.gather(*coming, return_exceptions=True)
    assert (service.metrics.replay_count, service.metrics.split_count) == (0, 0)
    assert len(unfinished(database)) == 1
    assert unfinished(database) == holders(database)


async def test_what_is_cancelled_and_submitted_anew_by_one_batch(service: QueueService, database: Database) -> None:
    first = (await wanted(service)).data["id"]
    async with held_back(service):
        data = {"taskId": first, "operation": "cancel"}
        cancelling = asyncio.ensure_future(service.intake.submit(command("operate-job", data)))
        await asyncio.sleep(0)
        submitting = asyncio.ensure_future(wanted(service))
        await asyncio.sleep(0)
    cancelled, second = (await cancelling).data, await submitting
    assert (second.status, holders(database)) == (201, [second.data["id"]])
    # as its answer said
    assert database.rows("SELECT version FROM job WHERE id = :id", id=first) == [(cancelled["version"],)]


async def test_replacing_one_after_the_other_in_one_batch_leaves_the_last(
    service: QueueService, database: Database
) -> None:
    async with held_back(service):
        coming = [asyncio.ensure_future(wanted(service, uniqueMode="replace")) for _ in range(4)]
        await asyncio.sleep(0)
    ids = [(await one).data["id"] for one in coming]
    assert len(set(ids)) == 4
    assert unfinished(database) == holders(database) == [max(ids)]


async def test_a_paused_one_is_replaced_too(service: QueueService, database: Database) -> None:
    first = (await wanted(service)).data["id"]
    await service.intake.submit(command("operate-job", {"taskId": first, "operation": "pause"}))
    second = (await wanted(service, uniqueMode="replace")).data["id"]
    assert (stored(database, first)[0], unfinished(database)) == ("CANCELLED", [second])


async def test_one_that_was_replaced_within_its_window_is_kept_no_longer_for_it(
    service: QueueService, database: Database
) -> None:
    await registered(service)
    first = (await wanted(service, uniqueForS=30 * 86_400)).data["id"]
    usual = (await submit(service))["id"]
    await run(service, "complete")
    await run(service, "complete")
    await wanted(service, uniqueMode="replace")
    statement = "SELECT lapses_at FROM job WHERE id = :id"
    # completed before the other one, and kept for as long
    assert database.rows(statement, id=first)[0][0] <= database.rows(statement, id=usual)[0][0]


async def test_of_those_that_come_together_one_gets_the_key(service: QueueService, database: Database) -> None:
    async with held_back(service):
        coming = [asyncio.ensure_future(wanted(service)) for _ in range(5)]
        await asyncio.sleep(0)
    answers = [await one for one in coming]
    # decided together, and not one after the other because the key was taken twice
    assert (service.metrics.replay_count, service.metrics.split_count) == (0, 0)
    assert sorted(answer.status for answer in answers) == [200] * 4 + [201]
    assert len({answer.data["id"] for answer in answers}) == 1
    assert len(unfinished(database)) == 1


async def test_of_many_in_one_command_each_is_judged_with_those_before_it(
    service: QueueService, database: Database
) -> None:
    modes = ["return", "return", "reject", "replace", "reject"]
    jobs = [{"name": "a job", "taskType": "T", "uniqueKey": KEY, "uniqueMode": mode} for mode in modes]
    jobs.insert(2, {"name": "a job", "taskType": "T"})
    said = (await service.intake.submit(command("submit-jobs", {"jobs": jobs}))).data
    first, replacing = said["ids"][0], said["ids"][4]
    assert (said["existing"], said["rejected"]) == ([1], [3, 5])
    assert said["ids"] == [first, first, said["ids"][2], first, replacing, replacing]
    assert len(set(said["ids"])) == 3
    assert (stored(database, first)[0], holders(database)) == ("CANCELLED", [replacing])


async def test_what_is_tried_anew_needs_its_key_again(service: QueueService, database: Database) -> None:
    await registered(service)
    first = (await wanted(service)).data["id"]
    await run(service, "fail", retryable=False)
    second = (await wanted(service)).data["id"]
    with pytest.raises(UniqueConflict) as refusal:
        await retried(service, first)
    assert refusal.value.extra["current"]["id"] == second
    assert (unfinished(database), holders(database)) == ([second], [second])
    await run(service, "complete")
    assert (await retried(service, first)).data["status"] == "PENDING"
    assert (unfinished(database), holders(database)) == ([first], [first])


async def test_a_window_that_is_over_lets_another_be_tried_anew(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        first = (await wanted(service)).data["id"]
        await run(service, "fail", retryable=False)
        second = (await wanted(service, uniqueForS=60)).data["id"]
        await run(service, "complete")
        with pytest.raises(UniqueConflict):
            await retried(service, first)
        clock.let_pass(timedelta(minutes=2))
        assert (await retried(service, first)).status == 200
        assert holders(database) == [first]
        with pytest.raises(UniqueConflict):
            await retried(service, second)


async def test_a_new_leader_knows_who_has_the_key(database: Database, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    async with leading(settings) as service:
        first = (await wanted(service)).data["id"]
    async with leading(settings) as service:
        assert (await wanted(service)).data["id"] == first
