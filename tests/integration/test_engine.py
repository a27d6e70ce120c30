"""The job engine in process, on both databases: jobs are leased, ended, handed back and rescued."""

import asyncio

import pytest

from queue_service.service import QueueService
from shared.job_commands import Beat, Claim
from tests.support.databases import Database
from tests.support.engine import UNIT, claimed, registered, report, stored, submit
from tests.support.eventually import eventually
from tests.support.writer import command


async def test_a_job_is_submitted_claimed_and_completed(service: QueueService, database: Database) -> None:
    await registered(service)
    job = await submit(service, config={"inputFile": "data.csv"})
    assert (job["status"], job["reason"], job["attempt"]) == ("PENDING", "ready", 0)
    [given] = await claimed(service)
    assert (given.id, given.attempt, given.status) == (job["id"], 1, "RUNNING")
    assert await claimed(service) == []
    assert await report(service, given, "complete", result={"rows": 3}) == {"status": 200}
    assert await report(service, given, "complete", result={"rows": 3}) == {"status": 200, "already": True}
    assert await report(service, given, "fail") == {"status": 409, "errorCode": "stale_attempt"}
    assert stored(database, job["id"]) == ("COMPLETED", 1, 0, 0)
    assert database.rows("SELECT outcome FROM job") == [("completed",)]
    assert database.rows("SELECT * FROM job_attempt") == []  # its row has it all


async def test_a_waiting_unit_is_given_a_job_in_the_transaction_that_inserts_it(
    service: QueueService, database: Database
) -> None:
    await registered(service)
    waiting = asyncio.ensure_future(claimed(service, 5, wait_s=30))
    await eventually(lambda: service.engine.view()["claimsWaiting"] == 1, what="the claim waiting")
    await eventually(lambda: not service.engine._backlog.is_reading, what="the index being read")
    job = await submit(service)
    assert (job["status"], job["version"]) == ("RUNNING", 2)
    [given] = await waiting
    assert given.id == job["id"]


async def test_a_wrong_hint_leases_nothing(service: QueueService, database: Database) -> None:
    await registered(service)
    await registered(service, "other")
    job = await submit(service)
    [given] = await claimed(service)
    wrong = given._replace(status="PENDING")
    service.engine._index.offer(wrong, wrong.run_at)
    assert await claimed(service, unit=(1, "other")) == []
    assert stored(database, job["id"]) == ("RUNNING", 1, 0, 0)
    assert await report(service, given, "complete") == {"status": 200}


async def test_the_most_urgent_is_first_and_then_the_oldest(service: QueueService) -> None:
    await registered(service)
    ids = {}
    for name, priority in (("a", 5), ("b", 0), ("c", 9), ("d", 0)):
        ids[name] = (await submit(service, name=name, priority=priority))["id"]
    assert [job.id for job in await claimed(service, 10)] == [ids["b"], ids["d"], ids["a"], ids["c"]]


async def test_a_failed_job_comes_back_until_its_attempts_are_spent(service: QueueService, database: Database) -> None:
    await registered(service)
    backoff = {"type": "fixed", "delayMs": 1, "jitter": False}
    job = await submit(service, maxAttempts=2, backoff=backoff)
    for attempt in (1, 2):
        [given] = await claimed(service, wait_s=5)
        assert given.attempt == attempt
        assert await report(service, given, "fail", error={"message": "no"}) == {"status": 200}
    assert stored(database, job["id"]) == ("FAILED", 2, 2, 0)
    assert await claimed(service) == []


@pytest.mark.parametrize("kind", ["release", "snooze"])
async def test_what_is_handed_back_costs_no_attempt(service: QueueService, database: Database, kind: str) -> None:
    await registered(service)
    job = await submit(service, maxAttempts=1)
    [given] = await claimed(service)
    assert await report(service, given, kind) == {"status": 200}
    [again] = await claimed(service, wait_s=5)
    assert (again.id, again.attempt) == (job["id"], 2)
    assert await report(service, given, kind) == {"status": 200, "already": True}
    assert await report(service, given, "complete") == {"status": 409, "errorCode": "stale_attempt"}
    assert await report(service, again, "complete") == {"status": 200}
    assert stored(database, job["id"]) == ("COMPLETED", 2, 0, 0)


async def test_a_silent_unit_is_offline_and_its_jobs_go_back_in_the_same_tick(
    service: QueueService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(service)
    await registered(service, "other")
    job = await submit(service)
    [given] = await claimed(service)
    monkeypatch.setattr("queue_service.engine.live.LEASE_S", 0.2)
    await eventually(
        lambda: database.rows("SELECT status FROM execution_unit WHERE name_id = 'worker-001'") == [("OFFLINE",)],
        what="the unit being offline",
    )
    assert stored(database, job["id"]) == ("PENDING", 1, 0, 1)
    monkeypatch.setattr("queue_service.engine.live.LEASE_S", 30)
    assert await report(service, given, "complete") == {"status": 409, "errorCode": "stale_attempt"}
    service.engine.beat((1, "other"), Beat(currentLoad=0))
    await eventually(
        lambda: database.rows("SELECT status FROM execution_unit WHERE name_id = 'other'") == [("ONLINE",)],
        what="the other unit being back",
    )
    [again] = await claimed(service, wait_s=5, unit=(1, "other"))
    assert (again.id, again.attempt) == (job["id"], 2)


async def test_a_job_that_crashes_again_and_again_is_quarantined(service: QueueService, database: Database) -> None:
    job = await submit(service)
    for crash in range(4):
        await registered(service, bootNonce=f"boot-{crash}")
        [given] = await claimed(service, wait_s=5)
        assert given.attempt == crash + 1
    await registered(service, bootNonce="the-last")
    await eventually(lambda: stored(database, job["id"])[0] == "FAILED", what="the quarantine")
    assert stored(database, job["id"]) == ("FAILED", 4, 0, 4)


async def test_an_attempt_that_takes_too_long_is_an_error(service: QueueService, database: Database) -> None:
    await registered(service)
    job = await submit(service, timeoutS=1, maxAttempts=1)
    [given] = await claimed(service)
    await eventually(lambda: stored(database, job["id"]) == ("FAILED", 1, 1, 0), what="the timeout")
    assert await report(service, given, "complete") == {"status": 409, "errorCode": "stale_attempt"}


async def test_a_delayed_job_is_given_when_it_is_due(service: QueueService) -> None:
    await registered(service)
    job = await submit(service, delayMs=300)
    assert (job["status"], job["reason"]) == ("PENDING", "scheduled")
    assert await claimed(service) == []
    [given] = await claimed(service, wait_s=10)
    assert given.id == job["id"]


async def test_the_same_claim_again_gets_the_same_jobs(service: QueueService) -> None:
    await registered(service)
    await submit(service)
    claim = Claim(claimId="once")
    first, second = [await service.engine.claim(UNIT, claim) for _ in range(2)]
    assert [(job.id, job.lease_token) for job in first] == [(job.id, job.lease_token) for job in second] != []


async def test_a_claim_that_is_asked_again_gets_what_is_still_held_as_a_whole(service: QueueService) -> None:
    await registered(service)
    ids = [(await submit(service, config={"number": number}))["id"] for number in range(3)]
    claim = Claim(max=3, claimId="once")
    given = await service.engine.claim(UNIT, claim)
    await report(service, given[1], "progress", progress=7)
    await report(service, given[0], "complete")
    again = await service.engine.claim(UNIT, claim)
    assert [(job.id, job.config) for job in again] == [(ids[1], '{"number":1}'), (ids[2], '{"number":2}')]


async def test_what_units_say_of_a_job_leaves_its_config(service: QueueService, database: Database) -> None:
    await registered(service)
    job_id = (await submit(service, config={"a": "b"}))["id"]
    [given] = await claimed(service)
    for kind in ("progress", "release"):
        await report(service, given, kind)
    [again] = await claimed(service)
    await report(service, again, "complete")
    assert database.rows("SELECT config, config_bytes FROM job WHERE id = :id", id=job_id) == [('{"a":"b"}', 9)]


async def test_a_caller_that_hangs_up_is_granted_nothing(service: QueueService) -> None:
    await registered(service)
    waiting = asyncio.ensure_future(claimed(service, wait_s=30))
    await eventually(lambda: service.engine.view()["claimsWaiting"] == 1, what="the claim waiting")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert service.engine.view()["claimsWaiting"] == 0
    assert (await submit(service))["status"] == "PENDING"


async def test_thousands_are_drained_and_none_is_given_twice(service: QueueService, database: Database) -> None:
    await registered(service, capacity=500)
    many = [{"name": f"job {i}", "taskType": "T"} for i in range(500)]
    for _ in range(5):
        await service.intake.submit(command("submit-jobs", {"jobs": many}))
    seen: list[int] = []
    while batch := await claimed(service, 500):
        reports = [
            {"taskId": j.id, "attempt": j.attempt, "leaseToken": j.lease_token, "kind": "complete"} for j in batch
        ]
        answer = await service.intake.submit(command("report-jobs", {"unitId": "worker-001", "reports": reports}))
        assert answer.data["results"] == [{"status": 200}] * len(batch)
        seen += [job.id for job in batch]
    assert sorted(seen) == list(range(1, 2501))
    assert database.rows("SELECT status, COUNT(*) FROM job GROUP BY status") == [("COMPLETED", 2500)]
