"""Whether a write happened: what is answered while nobody knows, and what the same key says later."""

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import make_url

from queue_service.domain.command import Answer
from shared.errors import ConsoleError, DatabaseUnavailable, OutcomeUnknown
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.deadlines import SHORT_S, shorten_statement_deadlines
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.lost_commits import commits_that_happen_and_fail
from tests.support.mysql_proxy import MySQLProxy
from tests.support.quiet_loops import run_loops_once, settled_loops
from tests.support.writer import A_HASH, command, create_task, creates, outcomes, register, settings_for, titles


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes over the wire is the test's."""
    run_loops_once(monkeypatch)


# An error of COMMIT itself


@pytest.mark.only_on("sqlite")
async def test_a_commit_that_the_disk_refused_is_called_unknown_and_its_key_tells_the_truth_later(
    database: Database, tmp_path: Path
) -> None:
    path = Path(make_url(database.url).database or "")
    # another reader, as every node is one: without it the writer's reconnecting would empty the log file
    with closing(sqlite3.connect(path)) as reader:
        async with Cluster(database.url, tmp_path, nodes=0, QUEUE_MAX_RETRIES="1") as cluster:
            queue = cluster.queue_client()
            user = {"type": "register-user", "data": {"email": "a@example.com", "passwordHash": A_HASH}}
            assert (await post_job(queue, user))[0] == 201
            reader.execute("SELECT COUNT(*) FROM user_table").fetchall()
            task = {
                "type": "create-task",
                "data": {"title": "perhaps", "description": "x" * 20_000, "createdByUserId": 1},
                "idempotencyKey": "k",
            }
            with no_file_may_grow_past(cluster.queue.pid, path.with_name(f"{path.name}-wal").stat().st_size):
                status, refusal = await post_job(queue, task)
                assert (status, refusal["errorCode"], refusal["outcome"]) == (503, "outcome_unknown", "unknown")
            status, answer = await post_job(queue, task)
            assert (status, answer["data"]["title"]) == (201, "perhaps")
            assert (await post_job(queue, task))[1] == answer
            assert titles(database) == ["perhaps"]
            assert "disk I/O error" in cluster.queue.log


async def post_job(queue: aiohttp.ClientSession, job: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    async with queue.post("/api/queue/job", json=job) as response:
        return response.status, await response.json()


@contextmanager
def no_file_may_grow_past(pid: int, size: int) -> Iterator[None]:
    """A full disk, as far as one running process is concerned: its writes past `size` fail."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.only_on("sqlite")
async def test_a_commit_that_happened_and_reported_an_error_is_found_by_its_replay(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        admin = await register(service)
        with commits_that_happen_and_fail(monkeypatch, sqlite3.SQLITE_IOERR_FSYNC, times=1):
            answers = await outcomes(service, creates(admin, "a", "b"))
        assert [type(answer) for answer in answers] == [Answer, Answer]
        assert titles(database) == ["a", "b"]


@pytest.mark.only_on("sqlite")
async def test_a_commit_that_happened_and_was_never_found_is_unknown_and_later_replayed_by_its_key(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.loops.doubts.PERIOD_S", 0.05)
    async with leading(settings_for(database, tmp_path, queue_max_retries=0)) as service:
        admin = await register(service)
        start = service.events.position
        with commits_that_happen_and_fail(monkeypatch, sqlite3.SQLITE_IOERR_FSYNC, times=1):
            [refused] = await outcomes(service, creates(admin, "perhaps"))
        assert isinstance(refused, OutcomeUnknown)
        [answer] = await outcomes(service, creates(admin, "perhaps"))
        assert answer.is_replayed
        assert titles(database) == ["perhaps"]
        await eventually(lambda: service.events.position == (start[0], start[1] + 1), what="its event being published")


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize(
    ("code", "answer"),
    [
        *((code, DatabaseUnavailable) for code in (1205, 1213, 1020, 1290)),
        *((code, OutcomeUnknown) for code in (1026, 1030, 1105, 1180, 1317)),
    ],
)
async def test_an_error_of_commit_is_a_no_only_where_its_code_proves_a_rollback(
    database: Database, proxy: MySQLProxy, tmp_path: Path, quiet: None, code: int, answer: type[ConsoleError]
) -> None:
    async with leading(settings_for(database.through(proxy.port), tmp_path, queue_max_retries=0)) as service:
        admin = await register(service)
        await settled_loops(service)
        rule = proxy.fail_with(code, "COMMIT")
        assert [type(found) for found in await outcomes(service, creates(admin, "perhaps"))] == [answer]
        assert rule.fired_count == 1
        # the transaction that failed must not ride along with the next COMMIT of its connection
        await create_task(service, admin, "after")
        [found] = await outcomes(service, creates(admin, "perhaps"))
        assert isinstance(found, Answer)
        assert titles(database) == ["after", "perhaps"]


@pytest.mark.only_on("mysql")
async def test_a_batch_in_doubt_is_not_taken_apart(
    database: Database, proxy: MySQLProxy, tmp_path: Path, quiet: None
) -> None:
    async with leading(settings_for(database.through(proxy.port), tmp_path)) as service:
        admin = await register(service)
        tasks = [await create_task(service, admin) for _ in range(6)]
        await settled_loops(service)
        rule = proxy.fail_with(1030, "COMMIT", every=1)
        updates = [
            command("update-task", {"taskId": task["id"], "updates": {"status": "done"}}, actor=admin)
            for task in tasks
            if task["id"] % 2 == 0
        ]
        assert [type(answer) for answer in await outcomes(service, updates)] == [OutcomeUnknown] * 3
        proxy.remove(rule)
        assert service.status()["splits"] == 0


# A COMMIT that vanished


@pytest.mark.only_on("mysql")
async def test_a_commit_lost_on_a_dead_path_is_replayed_on_a_new_connection_that_ends_the_old_one(
    database: Database, proxy: MySQLProxy, tmp_path: Path, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_statement_deadlines(monkeypatch)
    async with leading(settings_for(database.through(proxy.port), tmp_path)) as service:
        admin = await register(service)
        tasks = [await create_task(service, admin) for _ in range(8)]
        first, *others = [task["id"] for task in tasks if task["id"] % 2 == 0]
        await settled_loops(service)
        before = recorded_sessions(database)
        lost = proxy.swallow("COMMIT")
        started = asyncio.get_running_loop().time()
        # alone in its batch: the others come while it is in doubt, and one of them wants the very row it holds
        vanished = asyncio.ensure_future(service.intake.submit(rename(first, "first", admin)))
        await asyncio.wait_for(lost.fired.wait(), 5)
        later = [rename(task_id, "later", admin) for task_id in (first, *others)]
        answers = [await vanished, *await outcomes(service, later)]
        took = asyncio.get_running_loop().time() - started
        after = recorded_sessions(database)
        assert [getattr(answer, "status", answer) for answer in answers] == [200] * 5
        assert database.rows("SELECT version, title FROM task_table WHERE id = :id", id=first) == [(3, "later")]
        # without the KILL the replay would wait for the row until the server gave it up, two seconds at least
        assert took < SHORT_S + 1.5
        assert len(after) == len(before) == len(service._sessions)
        assert len(before - after) == 1
        assert not before - after & alive(database)


def rename(task_id: int, title: str, actor: int) -> Any:
    return command("update-task", {"taskId": task_id, "updates": {"title": title}}, actor=actor)


def recorded_sessions(database: Database) -> set[int]:
    return {number for (number,) in database.rows("SELECT connection_id FROM leader_session")}


def alive(database: Database) -> set[int]:
    return {number for (number,) in database.rows("SELECT ID FROM information_schema.PROCESSLIST")}


# Events of a COMMIT in doubt


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize("happened", [True, False])
async def test_events_go_on_after_a_lost_commit_without_another_write_on_its_lane(
    database: Database,
    proxy: MySQLProxy,
    tmp_path: Path,
    quiet: None,
    monkeypatch: pytest.MonkeyPatch,
    happened: bool,
) -> None:
    monkeypatch.setattr("queue_service.loops.doubts.PERIOD_S", 0.05)
    async with leading(settings_for(database.through(proxy.port), tmp_path, queue_max_retries=1)) as service:
        admin = await register(service)
        await settled_loops(service)
        start = service.events.position
        lost = proxy.drop_ok_of("COMMIT") if happened else proxy.cut_before("COMMIT")
        waiting = asyncio.ensure_future(register(service, "b@example.com"))
        await asyncio.wait_for(lost.fired.wait(), 5)
        proxy.refuse_connections(True)
        proxy.cut_all()
        with pytest.raises(OutcomeUnknown):
            await waiting
        proxy.refuse_connections(False)
        await create_task(service, admin, "on another lane")
        bodies: list[str] = []
        async with asyncio.timeout(5):
            async for item in service.events.follow(start, beat_s=5):
                assert isinstance(item, tuple), item
                bodies.append(item[1])
                if "task.created" in item[1]:
                    break
        expected = ["user.created"] * happened + ["task.created"]
        assert [kind for body, kind in zip(bodies, expected, strict=True) if kind in body] == expected
