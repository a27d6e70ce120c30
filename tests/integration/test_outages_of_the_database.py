"""A database that is away, silent or read-only: every wait ends, every answer is true, it all comes back by itself."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from queue_service.domain.command import Answer
from queue_service.service import QueueService
from queue_service.store.session import Session
from shared.clock import SystemClock
from shared.db import migrate
from shared.db.database import writer_engine
from shared.errors import ConsoleError, DatabaseUnavailable
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.databases import Database, MySQLSource
from tests.support.deadlines import shorten_statement_deadlines
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.mysql_binaries import find_or_fetch
from tests.support.mysql_proxy import MySQLProxy
from tests.support.mysql_server import MySQLServer
from tests.support.quiet_loops import run_loops_once
from tests.support.writer import command, create_task, register, settings_for

pytestmark = pytest.mark.only_on("mysql")


@pytest.fixture
async def proxy(mysql_source: MySQLSource) -> AsyncIterator[MySQLProxy]:
    async with MySQLProxy(mysql_source.host, mysql_source.port) as running:
        yield running


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySQLServer]:
    """A server of these tests' own, to be stopped."""
    server = MySQLServer(find_or_fetch(), tmp_path_factory.mktemp("own"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def pausable(database_kind: str, own_server: MySQLServer) -> Iterator[Database]:
    """A fresh, migrated database on the server that may be paused."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    own_server.create_database(name)
    migrate.upgrade(own_server.url(name))
    yield Database("mysql", own_server.url(name))
    own_server.drop_database(name)


def titles(database: Database) -> list[str]:
    return [title for (title,) in database.rows("SELECT title FROM task_table ORDER BY title")]


def sessions(database: Database) -> set[int]:
    return {number for (number,) in database.rows("SELECT connection_id FROM leader_session")}


async def outcome(service: QueueService, wanted: Any) -> Answer | ConsoleError:
    try:
        return await service.intake.submit(wanted)
    except ConsoleError as refusal:
        return refusal


# Silent: connections stay open, new ones are taken, nothing answers


@contextmanager
def silent(server: MySQLServer) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


async def test_a_silent_database_is_a_503_in_bounded_time_and_afterwards_all_is_as_before(
    pausable: Database, own_server: MySQLServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_statement_deadlines(monkeypatch)
    async with leading(settings_for(pausable, tmp_path, queue_max_retries=1)) as service:
        admin = await register(service)
        create = [command("create-task", {"title": f"t{i}"}, actor=admin, key=f"k{i}") for i in range(20)]
        with silent(own_server):
            async with asyncio.timeout(5):
                refused = await asyncio.gather(*(outcome(service, one) for one in create))
        assert [(type(one), getattr(one, "outcome", None)) for one in refused] == [
            (DatabaseUnavailable, "not_applied")
        ] * 20
        answers = await asyncio.gather(*(outcome(service, one) for one in create))
        assert all(isinstance(answer, Answer) and not answer.is_replayed for answer in answers), answers
        assert titles(pausable) == sorted(f"t{i}" for i in range(20))
        await eventually(lambda: len(sessions(pausable)) == len(service._sessions), what="each session recorded once")
        beats = service.loops.runs["beat"]
        await eventually(lambda: service.loops.runs["beat"] > beats, what="the beat going on")


async def test_a_stop_with_a_silent_database_ends_in_bounded_time(
    pausable: Database, own_server: MySQLServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as impatient:  # its successor meets a server that has just been woken, and waits for it
        shorten_statement_deadlines(impatient)
        service = QueueService(settings_for(pausable, tmp_path), SystemClock(), on_deposed=lambda: None)
        await service.start()
    monkeypatch.setattr("queue_service.service.DRAIN_S", 0.5)
    admin = await register(service)
    with silent(own_server):
        writing = [asyncio.ensure_future(outcome(service, create)) for create in creates(admin, 30)]
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await service.stop()
    for write in writing:
        write.cancel()  # what a stop leaves unanswered, it leaves to whoever asks again
    answers = await asyncio.gather(*writing, return_exceptions=True)
    assert not [answer for answer in answers if isinstance(answer, Answer)]
    async with leading(settings_for(pausable, tmp_path)) as again:
        assert again.status()["epoch"] == 2
        await create_task(again, admin, "after")


async def test_a_connection_whose_user_was_cancelled_in_the_middle_is_not_used_again(
    database: Database, proxy: MySQLProxy
) -> None:
    engine = writer_engine(database.through(proxy.port).url)
    session = Session(engine)
    numbers: list[int] = []
    late = proxy.delay("SELECT 'old'", 0.3)

    async def ask(word: str) -> str:
        async with session.transaction() as tx:
            numbers.append((await tx.execute(text("SELECT CONNECTION_ID()"))).scalar_one())
            said: str = (await tx.execute(text(f"SELECT '{word}'"))).scalar_one()
            return said

    asking = asyncio.create_task(ask("old"))
    await eventually(lambda: numbers and late.has_begun, what="the statement under way")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [await ask("new"), await ask("newer")] == ["new", "newer"]
    assert numbers[0] != numbers[1] == numbers[2]
    await session.close()
    await engine.dispose()


async def test_a_statement_that_hangs_is_given_up_by_a_stop(
    database: Database, proxy: MySQLProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.service.DRAIN_S", 0.3)
    service = QueueService(settings_for(database.through(proxy.port), tmp_path), SystemClock(), on_deposed=lambda: None)
    await service.start()
    admin = await register(service)
    hung = proxy.swallow("INSERT INTO task_table")
    writing = asyncio.ensure_future(outcome(service, creates(admin, 1)[0]))
    await hung.fired.wait()
    async with asyncio.timeout(4):  # less than the deadline of a statement
        await service.stop()
    writing.cancel()
    assert titles(database) == []
    assert database.rows("SELECT YEAR(beat_at) FROM leader_beat") == [(1970,)], "the lead was given back"


def creates(actor: int, count: int) -> list[Any]:
    return [command("create-task", {"title": f"t{i}"}, actor=actor) for i in range(count)]


async def test_a_start_against_a_silent_database_ends_with_an_error_that_names_it(
    pausable: Database, own_server: MySQLServer, tmp_path: Path
) -> None:
    queue = Cluster(pausable.url, tmp_path, nodes=0).queue
    with silent(own_server):
        queue.start()
        try:
            assert await queue.wait(within_s=10) == 1
        finally:
            await queue.kill()
    [line] = [line for line in queue.log.splitlines() if "not_started" in line]
    assert "database" in line.partition("not_started")[2].lower(), queue.log
    assert "Traceback" not in queue.log


# Read-only: the server answers, and takes no writes


async def test_a_server_that_became_read_only_is_left_for_a_new_connection_and_the_write_succeeds(
    database: Database, proxy: MySQLProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_loops_once(monkeypatch)
    async with leading(settings_for(database.through(proxy.port), tmp_path)) as service:
        admin = await register(service)
        before = sessions(database)
        rule = proxy.fail_with(1290, "INSERT INTO task_table")
        assert (await create_task(service, admin, "written"))["version"] == 1
        after = sessions(database)
        assert rule.fired_count == 1
        assert (len(before), len(after), len(before - after)) == (len(service._sessions), len(service._sessions), 1)
        assert titles(database) == ["written"]
        assert service.status()["splits"] == 0


async def test_a_server_that_stays_read_only_is_a_503_and_nothing_was_applied(
    database: Database, proxy: MySQLProxy, tmp_path: Path
) -> None:
    async with leading(settings_for(database.through(proxy.port), tmp_path, queue_max_retries=1)) as service:
        admin = await register(service)
        rule = proxy.fail_with(1290, "INSERT INTO task_table", every=1)
        refused = [await outcome(service, create) for create in creates(admin, 1)]
        assert [(type(one), getattr(one, "outcome", None)) for one in refused] == [(DatabaseUnavailable, "not_applied")]
        assert rule.fired_count == 2
        proxy.remove(rule)
        await create_task(service, admin, "after")
        assert titles(database) == ["after"]


# Away: connections are refused


async def test_a_thousand_waiting_writes_without_a_database_are_all_refused_at_once_and_a_stop_is_not_held_up(
    database: Database, proxy: MySQLProxy, tmp_path: Path
) -> None:
    service = QueueService(settings_for(database.through(proxy.port), tmp_path), SystemClock(), on_deposed=lambda: None)
    await service.start()
    admin = await register(service)
    proxy.refuse_connections(True)
    proxy.cut_all()
    writing = asyncio.gather(*(outcome(service, create) for create in creates(admin, 1_000)))
    await asyncio.sleep(0)
    async with asyncio.timeout(6):
        await service.stop()
        refused = await writing
    assert {(type(one), getattr(one, "outcome", None)) for one in refused} == {(DatabaseUnavailable, "not_applied")}
    assert titles(database) == []


async def test_writes_are_taken_again_as_soon_as_the_database_is_back(
    database: Database, proxy: MySQLProxy, tmp_path: Path
) -> None:
    async with leading(settings_for(database.through(proxy.port), tmp_path, queue_max_retries=0)) as service:
        admin = await register(service)
        for _ in range(3):
            proxy.refuse_connections(True)
            proxy.cut_all()
            refused = await asyncio.gather(*(outcome(service, create) for create in creates(admin, 50)))
            assert {type(one) for one in refused} == {DatabaseUnavailable}
            proxy.refuse_connections(False)
            answers = await asyncio.gather(*(outcome(service, create) for create in creates(admin, 50)))
            assert {type(one) for one in answers} == {Answer}
        assert len(titles(database)) == 150
        await eventually(lambda: len(sessions(database)) == len(service._sessions), what="each session recorded once")


# Reads


async def test_a_read_that_fails_in_the_database_is_logged_with_its_cause_and_request_id(
    database: Database, proxy: MySQLProxy, tmp_path: Path
) -> None:
    async with Cluster(database.through(proxy.port).url, tmp_path, nodes=1) as cluster:
        _, token = await cluster.register()
        admin = Api(cluster.client(0, token))
        assert (await admin.get("/api/tasks")).status == 200
        proxy.refuse_connections(True)
        proxy.cut_all()
        answer = await admin.get("/api/tasks", X_Request_Id="find-me")
        assert (answer.status, answer.body["errorCode"]) == (503, "database_unavailable")
        said = [line for line in cluster.nodes[0].log.splitlines() if "find-me" in line]
        # the driver's own words: cannot connect, lost the connection
        assert any(code in line for line in said for code in ("2003", "2006", "2013", "2055")), said
        proxy.refuse_connections(False)
        assert (await eventually(lambda: admin.get("/api/tasks"), what="reading again")).status == 200
