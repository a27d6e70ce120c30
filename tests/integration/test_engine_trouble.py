"""The job engine when leaders change and commits get lost: no job is lost, none is given to two, none is stuck."""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from queue_service.service import QueueService
from queue_service.store import jobs
from queue_service.store.session import Transaction
from shared.errors import ShuttingDown, Unavailable
from shared.job_commands import Beat, Claim, HeldLease
from shared.jobs import Job
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.engine import UNIT, claimed, make_known, registered, report, stored, submit
from tests.support.eventually import eventually
from tests.support.leading import leading, vanish
from tests.support.lost_commits import commits_that_happen_and_fail
from tests.support.writer import command, settings_for


async def test_the_next_leader_knows_who_holds_what_and_what_waits(database: Database, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    service = QueueService(settings, MovableClock(), on_deposed=lambda: None)
    await service.start()
    await registered(service)
    held, waiting = [(await submit(service))["id"] for _ in range(2)]
    [given] = await claimed(service)
    assert given.id == held
    await vanish(service)
    async with leading(settings) as after:
        assert after.engine.view() == {"unitsOnline": 1, "claimsWaiting": 0, "leases": 1}
        [other] = await claimed(after, 10)
        assert other.id == waiting
        assert await report(after, given, "complete") == {"status": 200}
        assert stored(database, held) == ("COMPLETED", 1, 0, 0)


async def test_a_new_leader_gives_each_lease_a_full_period(database: Database, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    async with leading(settings) as before:
        await registered(before)
        job_id = (await submit(before, timeoutS=3600))["id"]
        await claimed(before)
    clock = MovableClock()
    async with leading(settings, clock) as after:
        clock.let_pass(timedelta(seconds=29))
        await after.engine.tick()
        assert stored(database, job_id) == ("RUNNING", 1, 0, 0)
        clock.let_pass(timedelta(seconds=2))
        await after.engine.tick()
        assert stored(database, job_id) == ("PENDING", 1, 0, 1)


async def test_a_clock_that_jumps_takes_no_lease_away(database: Database, tmp_path: Path) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service)
        job_id = (await submit(service))["id"]
        [given] = await claimed(service)
        clock.jump(timedelta(days=1))
        await service.engine.tick()
        clock.jump(timedelta(days=-2))
        await service.engine.tick()
        assert stored(database, job_id) == ("RUNNING", 1, 0, 0)
        assert await report(service, given, "complete") == {"status": 200}


@pytest.mark.only_on("sqlite")
async def test_a_lease_whose_commit_got_lost_is_given_to_whom_it_was_meant_for(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        await registered(service)
        job_id = (await submit(service))["id"]
        with commits_that_happen_and_fail(monkeypatch, sqlite3.SQLITE_IOERR_FSYNC, times=1):
            [given] = await claimed(service)
        assert stored(database, job_id) == ("RUNNING", 1, 0, 0)
        assert await report(service, given, "complete") == {"status": 200}


@pytest.mark.only_on("sqlite")
async def test_a_job_that_was_leased_as_it_was_inserted_comes_back_when_that_commit_got_lost(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.engine.live.DELIVERY_S", 0.0)
    async with leading(settings_for(database, tmp_path)) as service:
        await registered(service)
        waiting = asyncio.ensure_future(claimed(service, wait_s=20))
        await eventually(lambda: service.engine.view()["claimsWaiting"] == 1, what="the claim waiting")
        await eventually(lambda: not service.engine._backlog.is_reading, what="the index being read")
        with commits_that_happen_and_fail(monkeypatch, sqlite3.SQLITE_IOERR_FSYNC, times=1):
            job = await submit(service)
        assert job["status"] == "RUNNING"
        await eventually(lambda: service.engine.view()["leases"] == 1, what="the lease being found")
        # the unit says what it has: nothing
        service.engine.beat(UNIT, Beat(currentLoad=0, leases=[]))
        [given] = await waiting
        assert (given.id, given.attempt) == (job["id"], 2)
        assert stored(database, job["id"]) == ("RUNNING", 2, 0, 0)


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("to", ["GONE", "OFFLINE"])
async def test_a_unit_that_a_lost_commit_took_out_is_given_nothing_and_what_it_had_goes_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        await registered(service)
        held = (await submit(service))["id"]
        assert len(await claimed(service)) == 1
        waiting = asyncio.ensure_future(claimed(service, wait_s=3))
        await eventually(lambda: service.engine.view()["claimsWaiting"] == 1, what="the claim waiting")
        with commits_that_happen_and_fail(monkeypatch, sqlite3.SQLITE_IOERR_FSYNC, times=1):
            await service.intake.submit(command("change-unit", {"unitId": UNIT[1], "to": to}))
        await eventually(lambda: stored(database, held) == ("PENDING", 1, 0, 0), what="its job being handed back")
        assert await waiting == []
        assert service.engine.view() == {"unitsOnline": int(to == "OFFLINE"), "claimsWaiting": 0, "leases": 0}


@pytest.mark.only_on("sqlite")
async def test_what_a_process_held_is_lost_when_the_commit_that_registers_its_successor_is(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        await registered(service, bootNonce="first")
        job_id = (await submit(service))["id"]
        assert len(await claimed(service)) == 1
        with commits_that_happen_and_fail(monkeypatch, sqlite3.SQLITE_IOERR_FSYNC, times=1):
            await registered(service, bootNonce="second")
        await eventually(lambda: stored(database, job_id) == ("PENDING", 1, 0, 1), what="the rescue")


@pytest.mark.only_on("mysql")  # on SQLite nothing is committed meanwhile: all share one connection
async def test_what_is_leased_while_a_doubt_is_looked_into_is_not_forgotten(
    service: QueueService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(service)
    await make_known(service)
    job_id = (await submit(service))["id"]
    given: list[Job] = []

    async def running_before_the_lease(tx: Transaction) -> list[Job]:
        found = await running(tx)
        given.extend([] if given else await claimed(service))
        return found

    running = jobs.running
    monkeypatch.setattr(jobs, "running", running_before_the_lease)
    service.engine._is_in_doubt = True
    await eventually(lambda: given and not service.engine._is_in_doubt, what="the doubt being looked into")
    assert [job.id for job in given] == [job_id]
    assert service.engine.view()["leases"] == 1
    monkeypatch.setattr("queue_service.engine.live.LEASE_S", 0.0)
    await eventually(lambda: stored(database, job_id) == ("PENDING", 1, 0, 1), what="the rescue")


async def test_a_unit_is_told_when_there_is_no_database(
    service: QueueService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(service)
    await make_known(service)
    job_id = (await submit(service))["id"]

    async def broken(*_: object) -> None:
        raise ConnectionError("gone")

    with monkeypatch.context() as patch:
        patch.setattr("queue_service.store.session.Transaction.commit", broken)
        with pytest.raises(Unavailable):
            await claimed(service, wait_s=20)
    [given] = await claimed(service, wait_s=20)
    assert given.id == job_id


async def test_who_waits_is_answered_when_the_leader_stops(database: Database, tmp_path: Path) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        await registered(service)
        waiting = asyncio.ensure_future(claimed(service, wait_s=30))
        await eventually(lambda: service.engine.view()["claimsWaiting"] == 1, what="the claim waiting")
        service.begin_stop()
        assert await waiting == []
        with pytest.raises(ShuttingDown):
            await claimed(service)


async def test_a_beat_that_names_its_leases_hands_back_the_others(
    service: QueueService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.engine.live.DELIVERY_S", 0.0)
    await registered(service)
    kept, lost = [(await submit(service))["id"] for _ in range(2)]
    assert len(await claimed(service, 2)) == 2
    said = service.engine.beat(UNIT, Beat(currentLoad=1, leases=[HeldLease(taskId=kept, attempt=1)]))
    assert said == {"cancel": [], "lost": [], "drain": False}
    await eventually(lambda: stored(database, lost)[0] == "PENDING", what="the other one being handed back")
    assert (stored(database, lost), stored(database, kept)) == (("PENDING", 1, 0, 0), ("RUNNING", 1, 0, 0))
    named = Beat(currentLoad=1, leases=[HeldLease(taskId=job_id, attempt=1) for job_id in (kept, lost)])
    await eventually(lambda: service.engine.beat(UNIT, named)["lost"] == [lost], what="the loss being told")


async def test_no_unit_is_given_more_than_it_can_hold(service: QueueService) -> None:
    await registered(service, capacity=2)
    for _ in range(6):
        await submit(service)
    assert len(await claimed(service, 6)) == 4
    assert await claimed(service, 6) == []


async def test_jobs_of_another_department_or_type_are_not_given(service: QueueService) -> None:
    await registered(service, unitType="other", taskTypes=["another"])
    await submit(service)
    assert await claimed(service, 10) == []
    mine = (await submit(service, taskType="another"))["id"]
    assert [job.id for job in await service.engine.claim(UNIT, Claim(max=5, claimId="c"))] == [mine]
