"""Queues in process, on both databases: what is paused is given to nobody, and what is limited to so many at once."""

import asyncio
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from queue_service.engine.engine import TICK_S
from queue_service.service import QueueService
from queue_service.store import jobs
from queue_service.store.session import Transaction
from shared.errors import NotFound, VersionConflict
from shared.job_commands import Claim
from shared.jobs import Job
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.engine import UNIT, claimed, make_known, registered, report, stored, submit
from tests.support.eventually import eventually
from tests.support.leading import leading, vanish
from tests.support.lost_commits import commits_that_happen_and_fail
from tests.support.one_batch import held_back
from tests.support.writer import command, settings_for

QUEUE = "reports"


async def ask(service: QueueService, what: str, name: str = QUEUE, **members: Any) -> dict[str, Any]:
    data = {"departmentId": 1, "name": name} | members
    answer = await service.intake.submit(command(f"{what}-queue", data))
    queue: dict[str, Any] = answer.data
    return queue


async def fill(service: QueueService, jobs: int, queue: str = QUEUE) -> list[int]:
    return [(await submit(service, queue=queue))["id"] for _ in range(jobs)]


async def ids(service: QueueService, most: int = 50, wait_s: float = 0) -> list[int]:
    return [job.id for job in await claimed(service, most, wait_s=wait_s)]


async def test_of_a_paused_queue_nothing_is_given_and_the_others_go_on(service: QueueService) -> None:
    await registered(service)
    paused, others = await fill(service, 2), await fill(service, 2, "other")
    assert (await ask(service, "pause"))["isPaused"]
    paused += await fill(service, 1)
    assert await ids(service) == others
    waiting = asyncio.ensure_future(ids(service, wait_s=30))
    await eventually(lambda: service.engine.view()["claimsWaiting"] == 1, what="the claim waiting")
    paused += await fill(service, 1)  # not in the transaction that inserts it, either
    assert not (await ask(service, "resume"))["isPaused"]
    assert await waiting == paused


async def test_a_lease_that_was_on_its_way_when_the_queue_was_paused_gives_nothing(
    service: QueueService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(service)
    job_ids = await fill(service, 2)
    # the engine does not hear of it: it offers what its memory has, as it would have a moment before
    monkeypatch.setattr("queue_service.engine.lines.Lines.follow", lambda *_: None)
    await ask(service, "pause")
    assert await ids(service) == []
    waiting = asyncio.ensure_future(ids(service, wait_s=1))
    await eventually(lambda: service.engine.view()["claimsWaiting"] == 1, what="the claim waiting")
    job_ids += await fill(service, 1)
    assert await waiting == []
    assert {stored(database, job_id)[0] for job_id in job_ids} == {"PENDING"}


async def test_a_lease_on_its_way_when_a_limit_is_set_does_not_pass_it(
    service: QueueService, database: Database
) -> None:
    await registered(service, capacity=50)
    await make_known(service)
    await fill(service, 6, "default")
    await eventually(lambda: not service.engine._backlog.is_reading, what="the index being read")
    async with held_back(service):
        limiting = asyncio.ensure_future(ask(service, "limit", "default", concurrency=2))
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(ids(service, wait_s=10))
        await eventually(lambda: bool(service.engine._offers), what="a lease on its way")
    assert (await limiting)["concurrency"] == 2
    assert len(await waiting) == 2
    assert await ids(service) == []


async def test_what_becomes_due_in_a_queue_that_stands_still_keeps_nobody_busy(
    database: Database, tmp_path: Path
) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        await make_known(service)
        await submit(service, delayMs=4_000)
        waiting = asyncio.ensure_future(ids(service, wait_s=20))
        await eventually(lambda: service.engine.view()["claimsWaiting"] == 1, what="the claim waiting")
        await ask(service, "pause", "default")
        clock.let_pass(timedelta(seconds=5))
        assert await service.engine.tick() == TICK_S
        await ask(service, "resume", "default")
        assert len(await waiting) == 1


async def test_a_new_leader_knows_what_is_paused_and_limited(database: Database, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    async with leading(settings) as service:
        await registered(service)
        await fill(service, 3)
        await ask(service, "limit", concurrency=1)
        await ask(service, "pause", "other")
        await fill(service, 1, "other")
    async with leading(settings) as service:
        assert len(await ids(service)) == 1
        assert await ids(service) == []
    async with leading(settings) as service:  # what runs counts, whoever leased it
        assert await ids(service) == []


async def test_so_many_run_at_once_and_no_more(service: QueueService, database: Database) -> None:
    await registered(service, capacity=50)
    await registered(service, "other", capacity=50)
    await ask(service, "limit", concurrency=3)
    await fill(service, 8)
    free = await fill(service, 2, "free")
    first = await claimed(service, 4)
    second = [job.id for job in await claimed(service, 50, unit=(1, "other"))]
    limited = [job for job in first if job.queue == QUEUE]
    assert len(limited) == 3
    assert {job.id for job in first if job.queue == "free"} | set(second) == set(free)
    assert await ids(service) == []
    waiting = asyncio.ensure_future(ids(service, wait_s=30))
    for job in limited[:2]:
        assert await report(service, job, "complete") == {"status": 200}
    assert 1 <= len(await waiting) <= 2
    await ids(service, wait_s=0)
    [(running,)] = database.rows("SELECT COUNT(*) FROM job WHERE status = 'RUNNING' AND queue = 'reports'")
    assert running == 3


async def test_claims_that_come_together_share_the_limit(service: QueueService, database: Database) -> None:
    await registered(service, capacity=50)
    await make_known(service)
    await ask(service, "limit", "default", concurrency=5)
    await fill(service, 20, "default")
    await eventually(lambda: not service.engine._backlog.is_reading, what="the index being read")
    async with held_back(service):  # none of them is committed before the last one is offered what there is
        claims = [asyncio.ensure_future(claimed(service, 3, wait_s=1)) for _ in range(6)]
        await eventually(lambda: len(service.engine._offers) >= 2, what="leases on their way")
    assert sum(map(len, await asyncio.gather(*claims))) == 5
    assert len(database.rows("SELECT id FROM job WHERE status = 'RUNNING'")) == 5


async def test_what_somebody_runs_themselves_counts(service: QueueService) -> None:
    await registered(service)
    await ask(service, "limit", concurrency=1)
    by_hand, other = await fill(service, 2)
    running = await service.intake.submit(command("set-job-status", {"taskId": by_hand, "status": "RUNNING"}))
    assert running.data["status"] == "RUNNING"
    assert await ids(service) == []
    await service.intake.submit(command("set-job-status", {"taskId": by_hand, "status": "COMPLETED"}))
    assert await ids(service, wait_s=5) == [other]


async def test_a_job_of_a_limited_queue_that_comes_while_a_unit_waits_is_counted(service: QueueService) -> None:
    await registered(service)
    await make_known(service)
    await ask(service, "limit", concurrency=1)
    first, second = (asyncio.ensure_future(ids(service, 1, wait_s=2)) for _ in range(2))
    await eventually(lambda: service.engine.view()["claimsWaiting"] == 2, what="the claims waiting")
    await fill(service, 2)
    assert sorted(map(len, await asyncio.gather(first, second))) == [0, 1]


async def test_a_limit_that_is_lowered_ends_nothing_and_one_that_is_raised_gives_more(service: QueueService) -> None:
    await registered(service, capacity=50)
    await ask(service, "limit", concurrency=3)
    await fill(service, 9)
    running = await claimed(service, 9)
    assert len(running) == 3
    assert (await ask(service, "limit", concurrency=1))["concurrency"] == 1
    for job in running[:2]:
        assert await report(service, job, "complete") == {"status": 200}
        assert await ids(service) == []
    waiting = asyncio.ensure_future(ids(service, wait_s=30))
    await eventually(lambda: service.engine.view()["claimsWaiting"] == 1, what="the claim waiting")
    assert (await ask(service, "limit"))["concurrency"] is None
    assert len(await waiting) == 6


@pytest.mark.only_on("sqlite")
async def test_while_it_is_not_certain_what_runs_nothing_of_a_limited_queue_is_given(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        await registered(service)
        await ask(service, "limit", concurrency=1)
        await fill(service, 3)
        with commits_that_happen_and_fail(monkeypatch, sqlite3.SQLITE_IOERR_FSYNC, times=1):
            given = await ids(service, 1, wait_s=10)
        more = await ids(service, 3)
        assert len(given) + len(more) == 1
        assert len(database.rows("SELECT id FROM job WHERE status = 'RUNNING'")) == 1


@pytest.mark.only_on("mysql")  # on SQLite nothing is committed meanwhile: all share one connection
async def test_while_it_is_looked_into_what_runs_nothing_of_a_limited_queue_is_given(
    service: QueueService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(service)
    await make_known(service)
    await ask(service, "limit", "default", concurrency=1)
    await fill(service, 2, "default")
    given: list[list[int]] = []

    async def running_while_somebody_claims(tx: Transaction) -> list[Job]:
        given.append(await ids(service))
        return await running(tx)

    running = jobs.running
    monkeypatch.setattr(jobs, "running", running_while_somebody_claims)
    service.engine.doubted()
    await eventually(lambda: given and service.engine._is_certain, what="the doubt being looked into")
    assert given[0] == []
    assert len(await ids(service, wait_s=5)) == 1


async def test_leases_lost_with_their_leader_count_for_the_next_one(database: Database, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    async with leading(settings) as service:
        await registered(service)
        await ask(service, "limit", concurrency=2)
        await fill(service, 4)
        assert len(await ids(service, 1)) == 1
        await vanish(service)
        async with leading(settings) as successor:
            claim = Claim(max=5, waitS=0, claimId="after")
            assert len(await successor.engine.claim(UNIT, claim)) == 1


def begun(database: Database) -> list[datetime]:
    """When each job of the queue began."""
    rows = database.rows("SELECT started_at FROM job WHERE queue = 'reports' AND attempt > 0 ORDER BY started_at")
    return [at if isinstance(at, datetime) else datetime.fromisoformat(at) for (at,) in rows]


def require_so_many_in_any(span: timedelta, most: int, starts: list[datetime]) -> None:
    assert all(later - sooner >= span for sooner, later in zip(starts, starts[most:], strict=False)), starts


async def test_so_many_begin_in_any_span_and_no_more(service: QueueService, database: Database) -> None:
    await registered(service, capacity=50)
    await ask(service, "limit", starts={"most": 5, "perMs": 500})
    await fill(service, 16)
    done: list[int] = []
    while len(done) < 16:
        for job in await claimed(service, 16, wait_s=5):
            assert await report(service, job, "complete") == {"status": 200}
            done.append(job.id)
    starts = begun(database)
    require_so_many_in_any(timedelta(milliseconds=500), 5, starts)
    assert starts[-1] - starts[0] < timedelta(seconds=10)  # and none waits for a whole second more


async def test_what_began_counts_for_the_next_leader(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    settings = settings_for(database, tmp_path)
    async with leading(settings, clock) as service:
        await registered(service, capacity=50)
        await ask(service, "limit", starts={"most": 2, "perMs": 600_000})
        await fill(service, 6)
        assert len(await ids(service)) == 2
        clock.let_pass(timedelta(seconds=300))
    async with leading(settings, clock) as service:
        assert await ids(service) == []
        clock.let_pass(timedelta(seconds=301))
        assert len(await ids(service)) == 2
    assert [jobs for (jobs,) in database.rows("SELECT jobs FROM queue_start ORDER BY at")] == [2, 2]


async def test_starts_that_no_limit_counts_any_more_are_forgotten(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.loops.prune.PERIOD_S", 0.02)
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        await ask(service, "limit", starts={"most": 2, "perMs": 1_000})
        await fill(service, 1)
        assert len(await ids(service)) == 1
        assert len(database.rows("SELECT * FROM queue_start")) == 1
        clock.let_pass(timedelta(hours=1))
        await eventually(lambda: database.rows("SELECT * FROM queue_start") == [], what="the start being forgotten")


async def test_both_limits_hold_together(service: QueueService) -> None:
    await registered(service, capacity=50)
    await ask(service, "limit", concurrency=3, starts={"most": 5, "perMs": 3_600_000})
    await fill(service, 9)
    first = await claimed(service, 9)
    assert len(first) == 3
    for job in first:
        assert await report(service, job, "complete") == {"status": 200}
    assert len(await ids(service, wait_s=1)) == 2
    assert await ids(service) == []


async def test_pausing_twice_is_pausing_once_and_nobody_learns_of_a_department_that_is_not_there(
    service: QueueService, database: Database
) -> None:
    first = await ask(service, "pause")
    assert await ask(service, "pause") == first
    await ask(service, "resume", "never-seen")
    assert database.rows("SELECT name, version FROM queue") == [(QUEUE, 1)]
    with pytest.raises(NotFound):
        await ask(service, "pause", departmentId=4711)
    with pytest.raises(VersionConflict) as refused:
        data = {"departmentId": 1, "name": QUEUE}
        await service.intake.submit(command("resume-queue", data, version=7))
    assert refused.value.extra["current"] == first
