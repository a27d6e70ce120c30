"""Word of changed rights over a real Redis: it arrives, and whatever Redis does, nothing but time depends on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api_node.live.redis_news import RedisNews
from api_node.node import Node
from queue_service.service import QueueService
from shared.clock import SystemClock
from shared.errors import Unauthenticated
from shared.rights_news import CHANNEL, Concerned
from tests.integration.test_sign_in import opened, run
from tests.support.clocks import StoppedClock
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.loopback import free_port
from tests.support.redis_server import RedisServer
from tests.support.writer import create_task, register, settings_for


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
async def publishing(redis: RedisServer, database: Database, tmp_path: Path) -> AsyncIterator[QueueService]:
    """A queue service in this process that tells this Redis."""
    async with leading(settings_for(database, tmp_path, redis_url=redis.url)) as service:
        yield service


@pytest.fixture
async def heard(redis: RedisServer) -> AsyncIterator[list[Concerned]]:
    """What a node hears from this Redis."""
    said: list[Concerned] = []
    news = RedisNews(redis.url, SystemClock(), said.append)
    news.start()
    await eventually(lambda: redis.listeners(CHANNEL), what="the node listening")
    yield said
    await news.stop()


async def test_whose_rights_change_is_heard_and_nothing_else(publishing: QueueService, heard: list[Concerned]) -> None:
    admin = await register(publishing)
    await eventually(lambda: admin in heard)
    await create_task(publishing, admin)
    role = {"name": "a role", "permissions": [], "status": 1}
    await run(publishing, "create-role", role, actor=admin)
    session_id = await opened(publishing, admin)
    await run(publishing, "end-session", {"sessionId": session_id, "userId": admin}, actor=admin)
    # in the order of the events: the task's would have come before these
    await eventually(lambda: heard[-2:] == ["everybody", admin])
    assert set(heard) == {admin, "everybody"}


async def test_a_redis_that_dies_and_comes_back_empty_is_told_again(
    redis: RedisServer, publishing: QueueService, heard: list[Concerned]
) -> None:
    admin = await register(publishing)
    await redis.kill()
    await run(publishing, "create-role", {"name": "meanwhile", "permissions": [], "status": 1}, actor=admin)
    await redis.start()
    number = 0

    async def hears() -> bool:
        # what is said before both are back is lost, as it may be
        nonlocal number
        number += 1
        role = {"name": f"role {number}", "permissions": [], "status": 1}
        await run(publishing, "create-role", role, actor=admin)
        return "everybody" in heard

    await eventually(hears, within_s=20, every_s=0.2, what="news after the restart")


async def test_a_redis_that_falls_silent_holds_up_no_write_and_no_stop(
    redis: RedisServer, database: Database, tmp_path: Path
) -> None:
    news = RedisNews(redis.url, SystemClock(), lambda _: None)
    news.start()
    async with leading(settings_for(database, tmp_path, redis_url=redis.url)) as service:
        await eventually(lambda: redis.listeners(CHANNEL))
        assert await news.answers()
        redis.pause()
        for number in range(20):
            await register(service, f"{number}@example.com")
        assert not await news.answers()
    await news.stop()
    assert database.rows("SELECT COUNT(*) FROM user_table") == [(20,)]


async def test_a_node_without_its_event_stream_forgets_a_sign_in_by_redis(
    redis: RedisServer, publishing: QueueService, database: Database, tmp_path: Path
) -> None:
    """Its clock stands still, so what it remembers never grows too old to be believed."""
    admin = await register(publishing)
    session_id = await opened(publishing, admin)
    settings = settings_for(database, tmp_path, redis_url=redis.url, queue_port=free_port())
    node = Node.build(settings, StoppedClock(), on_broken=lambda: None)
    await node.start()
    try:
        await eventually(lambda: redis.listeners(CHANNEL))
        assert (await node.sessions.of(session_id)).user.id == admin
        await run(publishing, "end-session", {"sessionId": session_id, "userId": admin}, actor=admin)

        async def is_out() -> bool:
            try:
                await node.sessions.of(session_id)
            except Unauthenticated:
                return True
            return False

        await eventually(is_out, what="the end of the sign-in at a node that hears of it by Redis alone")
    finally:
        await node.stop()
