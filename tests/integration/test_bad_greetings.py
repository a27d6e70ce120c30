"""A peer that greets like no database: a proxy before it that is starting, a port that something else has. Whatever
the driver makes of it, it is a database that is not there: 503, and tried again."""

import struct
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text

from api_node.reads import answering_database_errors
from queue_service.store.faults import DatabaseFault, Fault
from queue_service.store.session import Session
from shared.db.database import reader_engine, writer_engine
from shared.errors import DatabaseUnavailable
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.deferred import create, ended, retitle
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.live import listening
from tests.support.locks import holding
from tests.support.mysql_proxy import MySQLProxy
from tests.support.mysql_wire import packet
from tests.support.writer import create_task, register, settings_for, titles

pytestmark = pytest.mark.only_on("mysql")

_GREETING: Final = (
    b"\x0a8.0.36\0"
    + struct.pack("<I", 7)
    + b"abcdefgh\0\xff\xf7\x2d\x02\x00\xff\xc1\x15"
    + bytes(10)
    + b"ijklmnopqrst\0"
)
EMPTY: Final = packet(0, b"")
BAD: Final = {
    "nothing": b"",
    "half a header": b"\x4a\0\0",
    "cut short": packet(0, _GREETING)[:20],
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a short body": packet(0, b"\x0a5.7\0"),
    "an empty packet": EMPTY,
    "an old protocol": packet(0, b"\x09xx\0"),
    "too many connections": packet(0, b"\xff\x10\x04Too many connections"),
    "a greeting and no more": packet(0, _GREETING),
    "an answer that is none": packet(0, _GREETING) + packet(2, b"\xff"),
    "the wrong number": packet(0, _GREETING) + packet(9, bytes(7)),
}
each_greeting = pytest.mark.parametrize("greeting", BAD.values(), ids=BAD.keys())


@pytest.fixture
def greeted(database: Database, proxy: MySQLProxy, greeting: bytes) -> str:
    """The URL of a database that greets badly."""
    proxy.greet_with(greeting)
    return database.through(proxy.port).url


@each_greeting
async def test_a_read_is_a_503(greeted: str) -> None:
    engine = reader_engine(greeted, 2)
    with pytest.raises(DatabaseUnavailable):
        async with answering_database_errors(), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    await engine.dispose()


@each_greeting
async def test_the_writer_has_lost_its_database(greeted: str) -> None:
    engine = writer_engine(greeted)
    session = Session(engine)
    with pytest.raises(DatabaseFault) as fault:
        await session.open()
    assert (fault.value.kind, fault.value.in_doubt) == (Fault.LOST, False)
    await session.close()
    await engine.dispose()


async def test_a_mistake_of_ours_in_a_read_is_not_taken_for_the_databases(database: Database) -> None:
    engine = reader_engine(database.url, 2)
    with pytest.raises(ZeroDivisionError):
        async with answering_database_errors(), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            raise ZeroDivisionError
    await engine.dispose()


async def test_a_write_is_a_503_and_what_was_accepted_is_applied_afterwards(
    database: Database, proxy: MySQLProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pause in ("RETRY_S", "LONGEST_RETRY_S"):
        monkeypatch.setattr(f"queue_service.writer.deferred.{pause}", 0.05)
    async with leading(settings_for(database.through(proxy.port), tmp_path, queue_max_retries=1)) as service:
        admin = await register(service)
        task = await create_task(service, admin)
        async with holding(database, "SELECT id FROM task_table WHERE id = %s FOR UPDATE", task["id"]):
            assert (await service.intake.submit(retitle(admin, task["id"], "accepted"))).status == 202
            proxy.greet_with(EMPTY)
            proxy.cut_all()
            with pytest.raises(DatabaseUnavailable) as refusal:
                await service.intake.submit(create(admin, "plain", deferred=False))
        assert refusal.value.outcome == "not_applied"
        replays = service.metrics.replay_count
        await eventually(lambda: service.metrics.replay_count > replays + 2, what="some tries in vain")
        proxy.greet_with(None)
        await ended(database, 200)
    assert titles(database) == ["accepted"]


async def test_rights_are_looked_at_again_when_the_database_is_back(
    database: Database, proxy: MySQLProxy, tmp_path: Path
) -> None:
    async with Cluster(database.through(proxy.port).url, tmp_path, nodes=1) as cluster:
        _, token = await cluster.register()
        admin = Api(cluster.client(0, token))
        async with listening(cluster.nodes[0], token) as live:
            proxy.greet_with(EMPTY)
            proxy.cut_all()
            # one look at the rights in vain: old ones are believed for longer than that
            await eventually(lambda: "read_failed" in cluster.nodes[0].log, within_s=5, what="a look in vain")
            proxy.greet_with(None)
            await eventually(lambda: _is_back(admin), what="reading again")
            answer = await admin.post("/api/auth/logout", {"everywhere": True})
            assert answer.status == 200, answer.body
            assert await live.closed() == 4401


async def _is_back(admin: Api) -> bool:
    return (await admin.get("/api/tasks")).status == 200
