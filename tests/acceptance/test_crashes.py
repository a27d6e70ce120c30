"""Processes die under load, and every acknowledged write is there once. Real processes, both databases."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.db import migrate
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.load import Load, assert_every_acknowledged_write_is_present_once
from tests.support.mysql_faults import GUARDED_UPDATE
from tests.support.mysql_proxy import MySQLProxy
from tests.support.mysql_server import MySQLServer


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How often a process dies: ten times, and a hundred with `make campaign`."""
    return 100 if request.config.getoption("--campaign") else 10


async def some_progress(load: Load, seconds: float) -> None:
    """Let the load run for a while, and at least until one more write is acknowledged."""
    before = load.acknowledged
    await asyncio.sleep(seconds)
    await eventually(lambda: load.acknowledged > before, within_s=30, what="an acknowledged write")


async def test_kill_9_of_the_queue_service_loses_and_doubles_nothing(
    cluster: Cluster, database: Database, rounds: int
) -> None:
    _, token = await cluster.register()
    load = Load(cluster, token)
    load.start()
    chance = random.Random(2)
    for _ in range(rounds):
        await some_progress(load, chance.uniform(1, 3))
        await cluster.queue.kill()
        cluster.queue.start()
        await cluster.queue.ready()  # or the next kill may come before it leads
    await some_progress(load, 0.2)
    await load.stop()
    assert_every_acknowledged_write_is_present_once(load, database)
    assert database.rows("SELECT epoch FROM leader") == [(1 + rounds,)]


async def test_a_planned_restart_of_the_queue_service_costs_no_client_an_error(
    cluster: Cluster, database: Database
) -> None:
    _, token = await cluster.register()
    load = Load(cluster, token)
    load.start()
    for _ in range(3):
        await some_progress(load, 0.5)
        assert await cluster.queue.stop() == 0
        cluster.queue.start()
        await cluster.queue.ready()
    await some_progress(load, 0.2)
    await load.stop()
    assert_every_acknowledged_write_is_present_once(load, database)
    assert load.retries == 0


async def test_sigterm_of_a_node_finishes_what_it_accepted(cluster: Cluster, database: Database) -> None:
    _, token = await cluster.register()
    load = Load(cluster, token)
    load.start()
    for _ in range(2):
        await some_progress(load, 0.4)
        assert await cluster.nodes[0].stop() == 0
        cluster.nodes[0].start()
        await cluster.nodes[0].ready()
    await load.stop()
    assert_every_acknowledged_write_is_present_once(load, database)


@pytest.mark.only_on("mysql")
async def test_kill_9_of_the_database_loses_and_doubles_nothing(
    durable_server: MySQLServer, tmp_path: Path, database_kind: str
) -> None:
    database = Database("mysql", durable_server.url("crash"))
    migrate.upgrade(database.url)
    async with Cluster(database.url, tmp_path) as cluster:
        _, token = await cluster.register()
        load = Load(cluster, token)
        load.start()
        for _ in range(5):
            await some_progress(load, 0.5)
            await asyncio.to_thread(durable_server.kill)
            await asyncio.to_thread(durable_server.start)
        await some_progress(load, 0.2)
        await load.stop()
        assert_every_acknowledged_write_is_present_once(load, database)


@pytest.fixture
async def proxied(durable_server: MySQLServer) -> AsyncIterator[MySQLProxy]:
    async with MySQLProxy(durable_server.host, durable_server.port) as proxy:
        yield proxy


@pytest.mark.only_on("mysql")
async def test_lost_oks_deadlocks_and_lock_waits_under_load_lose_and_double_nothing(
    durable_server: MySQLServer, proxied: MySQLProxy, tmp_path: Path, database_kind: str
) -> None:
    database = Database("mysql", durable_server.url("crash"))
    migrate.upgrade(database.url)
    async with Cluster(database.through(proxied.port).url, tmp_path) as cluster:
        _, token = await cluster.register()
        load = Load(cluster, token)
        load.start()
        rules = [
            proxied.drop_ok_of("COMMIT", every=17),
            proxied.cut_before("COMMIT", every=23),
            proxied.fail_with(1213, "INSERT INTO stored_answer", every=11),
            proxied.fail_with(1205, "INSERT INTO outbox_event", every=13),
            proxied.fail_with(1205, GUARDED_UPDATE, every=7),
        ]
        await eventually(lambda: all(rule.fired_count >= 5 for rule in rules), within_s=60, what="every fault, often")
        proxied.remove(*rules)
        await some_progress(load, 0.2)
        await load.stop()
        assert_every_acknowledged_write_is_present_once(load, database)
