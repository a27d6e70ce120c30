"""What the engine knows of a job it need not read again. That is never believed where the row says otherwise: here
somebody changes rows past the queue service, which is the only way in which they come to differ."""

from datetime import timedelta
from pathlib import Path

import pytest

from queue_service.domain.jobs import SMALL
from queue_service.service import QueueService
from shared.jobs import Job
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.engine import UNIT, claimed, registered, report, stored, submit
from tests.support.leading import leading
from tests.support.writer import command, settings_for

OTHER_TOKEN = "0123456789abcdef" * 2


async def leased(service: QueueService, **members: object) -> Job:
    """A job in the hands of a unit."""
    await registered(service)
    await submit(service, **members)
    [job] = await claimed(service)
    return job


async def change(database: Database, job: Job, sets: str) -> None:
    await database.change(f"UPDATE job SET {sets}, version = version + 1 WHERE id = :id", id=job.id)  # noqa: S608 - our own words


async def test_a_report_on_a_job_that_was_taken_away_is_refused(service: QueueService, database: Database) -> None:
    job = await leased(service)
    await change(database, job, "status = 'CANCELLED'")
    assert await report(service, job, "complete") == {"status": 409, "errorCode": "stale_attempt"}
    assert stored(database, job.id) == ("CANCELLED", 1, 0, 0)
    assert database.rows("SELECT * FROM job_attempt") == []


async def test_a_report_is_refused_by_the_row_alone(service: QueueService, database: Database) -> None:
    job = await leased(service)
    await change(database, job, f"attempt = 2, lease_token = '{OTHER_TOKEN}'")
    now_held = job._replace(attempt=2, lease_token=OTHER_TOKEN)
    assert await report(service, now_held, "complete") == {"status": 200}
    assert stored(database, job.id) == ("COMPLETED", 2, 0, 0)


async def test_a_job_that_was_changed_while_it_waited_is_leased_as_it_is(database: Database, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    async with leading(settings) as service:
        await registered(service)
        first, changed, gone = [(await submit(service, config={"was": "small"}))["id"] for _ in range(3)]
    async with leading(settings) as service:  # this one has to read what waits
        [job] = await claimed(service)
        assert (job.id, job.config) == (first, '{"was":"small"}')
        here = job._replace(id=changed)
        await change(database, here, """config = '{"is":"another"}'""")
        await change(database, job._replace(id=gone), "status = 'PAUSED'")
        [job] = await claimed(service, 5)
        assert (job.id, job.config, job.version) == (changed, '{"is":"another"}', 3)
        assert stored(database, gone) == ("PAUSED", 0, 0, 0)


async def test_what_a_large_job_says_of_itself_survives_what_its_neighbours_in_a_batch_change(
    service: QueueService, database: Database
) -> None:
    await registered(service)
    large, small = [(await submit(service, config={"text": length * "x"}))["id"] for length in (5_000, 1)]
    [first, second] = await claimed(service, 2)
    assert (first.id, second.id) == (large, small)
    assert await report(service, first, "progress", progress={"done": 7}) == {"status": 200}
    said = [
        {"taskId": job.id, "attempt": 1, "leaseToken": job.lease_token, "kind": kind, "progress": progress}
        for job, kind, progress in ((first, "complete", None), (second, "progress", {"done": 1}))
    ]
    data = {"unitId": UNIT[1], "reports": said}
    await service.intake.submit(command("report-jobs", data))
    kept = database.rows("SELECT progress, config_bytes, labels FROM job ORDER BY id")
    assert kept == [('{"done":7}', 5_011, "{}"), ('{"done":1}', 12, "{}")]


@pytest.mark.parametrize("length", [1, SMALL - 15, SMALL - 14, SMALL - 11, SMALL - 10, 100_000])
async def test_a_config_of_any_size_arrives_whole(database: Database, tmp_path: Path, length: int) -> None:
    settings = settings_for(database, tmp_path)
    config = '{"text":"' + length * "x" + '"}'
    async with leading(settings) as service:
        await registered(service)
        await submit(service, config={"text": length * "x"})
    async with leading(settings) as service:
        [job] = await claimed(service)
        assert (job.config, job.config_bytes) == (config, len(config))
        progress = {"text": 5_000 * "y"}
        assert await report(service, job, "progress", progress=progress) == {"status": 200}
        assert await report(service, job, "complete") == {"status": 200}
    [(kept, text)] = database.rows("SELECT config, progress FROM job WHERE id = :id", id=job.id)
    assert (kept, text) == (config, '{"text":"' + 5_000 * "y" + '"}')


async def test_of_a_job_whose_texts_are_large_only_what_is_needed_to_end_it_is_kept(
    service: QueueService, database: Database
) -> None:
    labels = {f"label-{n}": 200 * "x" for n in range(50)}
    job = await leased(service, labels=labels, tags=["a"])
    [known] = service.engine._running.values()
    assert len(str(known)) < 2_000
    assert await report(service, job, "progress", progress={"text": 5_000 * "y"}) == {"status": 200}
    assert len(str(service.engine._running[job.id])) < 2_000
    assert await report(service, job, "release") == {"status": 200}
    [(kept, tags, progress)] = database.rows("SELECT labels, tags, progress FROM job")
    assert (kept, tags, len(progress)) == (job.labels, '["a"]', 5_011)
    [again] = await claimed(service)
    assert (again.labels, again.tags, again.progress) == (job.labels, '["a"]', None)


async def test_what_waits_and_is_large_is_not_kept_before_it_is_given(database: Database, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    async with leading(settings) as service:
        await registered(service)
        await submit(service, name="first")
        await submit(service, name="large", labels={f"label-{n}": 200 * "x" for n in range(50)})
        await submit(service, name="small")
    async with leading(settings) as service:
        [job] = await claimed(service)
        assert job.name == "first"
        [partition] = service.engine._index._partitions.values()
        assert [ready.job is None for ready in partition._there.values()] == [True, False]
        assert [(given.name, len(given.labels) > 1_000) for given in await claimed(service, 2)] == [
            ("large", True),
            ("small", False),
        ]


async def test_a_job_that_runs_need_not_be_read_to_be_ended(service: QueueService, database: Database) -> None:
    job = await leased(service)
    known = service.engine._running
    assert known == {job.id: job}
    assert await report(service, job, "fail", retryInMs=3_600_000) == {"status": 200}
    assert known == {}


async def test_what_becomes_due_goes_before_and_behind_a_backlog_that_is_only_partly_in_memory(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.engine.backlog.HELD", 20)
    monkeypatch.setattr("queue_service.engine.index.HELD", 20)
    monkeypatch.setattr("queue_service.engine.index.LOW", 10)
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        await registered(service, capacity=1_000)
        jobs = [{"name": "a job", "taskType": "T"}] * 100
        waiting = (await service.intake.submit(command("submit-jobs", {"jobs": jobs}))).data["ids"]
        later = [(await submit(service, priority=p, delayMs=5_000))["id"] for p in (9, 0, 5)]
        given = [job.id for job in await claimed(service, 1)]
        clock.let_pass(timedelta(seconds=6))
        while more := await claimed(service, 7):
            given += [job.id for job in more]
    assert given == [waiting[0], later[1], *waiting[1:], later[2], later[0]]
