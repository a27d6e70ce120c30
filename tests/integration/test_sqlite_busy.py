"""Another program that writes into our SQLite file: the writer waits, replays, and says so when it is too long."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import make_url

from queue_service.service import QueueService
from shared.errors import DatabaseUnavailable
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.writer import create_task, register

pytestmark = pytest.mark.only_on("sqlite")


@contextmanager
def intruder(database: Database) -> Iterator[sqlite3.Connection]:
    """A connection that holds the write lock."""
    connection = sqlite3.connect(make_url(database.url).database or "", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    finally:
        connection.close()


async def test_a_write_outlasts_a_lock_that_is_let_go(service: QueueService, database: Database) -> None:
    admin = await register(service)
    with intruder(database) as other:
        waiting = asyncio.ensure_future(create_task(service, admin, "patient"))
        await eventually(lambda: service.status()["replays"] >= 1, what="a replay")
        assert not waiting.done()
        other.execute("ROLLBACK")
        assert (await waiting)["version"] == 1


async def test_a_lock_for_ever_is_a_503_and_nothing_was_applied(service: QueueService, database: Database) -> None:
    admin = await register(service)
    with intruder(database):
        with pytest.raises(DatabaseUnavailable) as refused:
            await create_task(service, admin, "too late")
        assert refused.value.outcome == "not_applied"
    await create_task(service, admin, "after")
    assert database.rows("SELECT title FROM task_table") == [("after",)]
