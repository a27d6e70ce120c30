"""What is taken away is gone within 5 s on every node: by the event stream, by Redis, and by neither."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import WSMsgType

from shared.permissions import Permission
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.organisation import Organisation, Somebody
from tests.support.redis_server import RedisServer

WITHIN_S = 5.0

Take = Callable[[Api, Somebody], Awaitable[object]]


async def _logs_out(_: Api, who: Somebody) -> None:
    await who.api.post("/v1/auth/logout")


async def _logs_out_everywhere(_: Api, who: Somebody) -> None:
    await who.api.post("/v1/auth/logout-all")


async def _is_turned_off(admin: Api, who: Somebody) -> None:
    shown = (await admin.get(f"/v1/users/{who.id}")).data
    wanted = ("username", "realName", "departmentId", "roleId")
    await admin.put(f"/v1/users/{who.id}", {name: shown[name] for name in wanted} | {"status": 0})


async def _loses_the_role(admin: Api, who: Somebody) -> None:
    await admin.put(f"/v1/roles/{who.role_id}", {"name": f"role {who.role_id}", "permissions": [], "status": 0})


async def _loses_the_department(admin: Api, who: Somebody) -> None:
    department = {"name": "gone", "parentId": 1, "status": 0}
    await admin.put(f"/v1/departments/{who.department_id}", department)


WAYS: tuple[Take, ...] = (_logs_out, _logs_out_everywhere, _is_turned_off, _loses_the_role, _loses_the_department)


async def require_gone(cluster: Cluster, admin: Api, take: Take) -> None:
    """Somebody is let in at both nodes and listens at the second; then neither lets them in, and the line is cut."""
    organisation = Organisation(admin)
    who = await organisation.somebody(await organisation.department(), [Permission.BOARD_VIEW])
    nodes = [Api(cluster.client(number), who.api.token) for number in range(2)]
    for node in nodes:
        assert (await node.get("/api/auth/me")).status == 200
    ticket = (await nodes[1].post("/api/ws/ticket")).data["ticket"]
    async with cluster.client(1).ws_connect("/api/ws", params={"ticket": ticket}) as socket:
        await take(admin, who)

        async def is_out() -> bool:
            return all([(await node.get("/api/auth/me")).status == 401 for node in nodes])

        await eventually(is_out, within_s=WITHIN_S, what=f"{take.__name__} at both nodes")
        async with asyncio.timeout(WITHIN_S):
            async for message in socket:
                assert message.type is WSMsgType.TEXT
        assert socket.closed


async def require_key_gone(cluster: Cluster, admin: Api) -> None:
    """A key is let in at both nodes; its secret is revoked at the first; then neither lets it in."""
    program = await Organisation(admin).program(1, [Permission.BOARD_VIEW])
    nodes = [Api(cluster.client(number), program.key) for number in range(2)]

    async def statuses() -> set[int]:
        return {(await node.get("/api/tasks")).status for node in nodes}

    assert await statuses() == {200}
    await admin.delete(f"/v1/applications/{program.id}/secrets/{program.secret_id}")

    async def is_out() -> bool:
        return await statuses() == {401}

    await eventually(is_out, within_s=WITHIN_S, what="the key refused at both nodes")


async def test_without_redis(database: Database, tmp_path: Path) -> None:
    async with Cluster(database.url, tmp_path, nodes=2) as cluster:
        _, token = await cluster.register()
        admin = Api(cluster.client(), token)
        assert (await admin.get("/health/redis")).body["status"] == "disabled"
        for take in WAYS:
            await require_gone(cluster, admin, take)
        await require_key_gone(cluster, admin)


async def test_with_redis_whatever_becomes_of_it(database: Database, tmp_path: Path) -> None:
    async with RedisServer(tmp_path) as redis, Cluster(database.url, tmp_path, nodes=2, REDIS_URL=redis.url) as cluster:
        _, token = await cluster.register()
        admin = Api(cluster.client(), token)
        await eventually(lambda: redis.listeners("console:rights"))
        assert (await admin.get("/health/redis")).body["status"] == "ok"
        for take in WAYS:
            await require_gone(cluster, admin, take)
        await require_key_gone(cluster, admin)
        await redis.flush()
        await require_gone(cluster, admin, _is_turned_off)
        redis.pause()
        await require_gone(cluster, admin, _is_turned_off)
        unwell = await admin.get("/health/redis")
        assert (unwell.status, (await admin.get("/readyz")).status) == (503, 200)
        await redis.kill()
        await require_gone(cluster, admin, _is_turned_off)
        await require_key_gone(cluster, admin)
        assert (await admin.get("/health/redis")).status == 503
        assert (await admin.get("/api/health")).status == 200
