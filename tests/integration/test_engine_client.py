"""A node's line to the job engine, over real connections to a queue service that does what a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from api_node import engine_client
from api_node.engine_client import EngineClient
from shared.errors import Conflict, NotFound, QueueFull, QueueUnreachable, ShuttingDown, Unavailable
from shared.job_commands import Beat, Claim
from tests.support.eventually import eventually
from tests.support.loopback import free_port

UNIT = (7, "worker-001")
CLAIM = Claim(claimId="once", waitS=0)
Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def engine(behaviour: Behaviour) -> AsyncIterator[EngineClient]:
    """A client of an engine that behaves so."""
    app = web.Application()
    app.router.add_post("/internal/units/{what}", behaviour)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = EngineClient(f"http://127.0.0.1:{runner.addresses[0][1]}", "secret")
    await client.start()
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


def answering(status: int, **members: object) -> Behaviour:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response(members, status=status)

    return answer


async def silence(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_whose_it_is_travels_with_what_is_asked() -> None:
    seen = []

    async def note(request: web.Request) -> web.StreamResponse:
        seen.append((request.path, request.headers["Authorization"], await request.json()))
        return web.json_response({"success": True, "data": {"jobs": [{"taskId": 1}]}})

    async with engine(note) as client:
        assert await client.claim(UNIT, CLAIM) == [{"taskId": 1}]
    whose = {"departmentId": 7, "unitId": "worker-001"}
    asked = {"claimId": "once", "waitS": 0, "max": 1, "bootNonce": None}
    assert seen == [("/internal/units/claim", "Bearer secret", asked | whose)]


async def test_nobody_there_is_unreachable_and_nothing_happened() -> None:
    client = EngineClient(f"http://127.0.0.1:{free_port()}", "secret")
    await client.start()
    for asked in (client.claim(UNIT, CLAIM), client.beat(UNIT, Beat(currentLoad=0))):
        with pytest.raises(QueueUnreachable) as raised:
            await asked
        assert raised.value.outcome == "not_applied"
    await client.close()


@pytest.mark.parametrize("behaviour", [reset, silence])
async def test_a_connection_that_breaks_off_leaves_the_outcome_unknown(
    behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_client, "ANSWER_S", 0.3)
    async with engine(behaviour) as client:
        with pytest.raises(QueueUnreachable) as raised:
            await client.claim(UNIT, CLAIM)
        assert raised.value.outcome == "unknown"


async def test_a_refusal_is_what_the_engine_said() -> None:
    for kind in (NotFound, Conflict):
        said = {"errorCode": kind.code, "detail": "register first", "outcome": "not_applied"}
        async with engine(answering(kind.status, **said)) as client:
            with pytest.raises(kind, match="register first") as raised:
                await client.claim(UNIT, CLAIM)
            assert type(raised.value) is kind
    async with engine(answering(503, errorCode="database_unavailable")) as client:
        with pytest.raises(Unavailable) as unavailable:
            await client.beat(UNIT, Beat(currentLoad=0))
        assert (unavailable.value.code, unavailable.value.retry_after_s) == ("database_unavailable", 1)


async def test_a_wrong_secret_is_not_the_units_fault() -> None:
    async with engine(answering(401, errorCode="unauthenticated")) as client:
        with pytest.raises(Unavailable, match="refused this node"):
            await client.claim(UNIT, CLAIM)


async def test_a_node_that_stops_keeps_no_unit_waiting() -> None:
    arrived = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        arrived.set()
        return await silence(request)

    async with engine(wait) as client:
        waiting = asyncio.ensure_future(client.claim(UNIT, Claim(claimId="once", waitS=30)))
        await arrived.wait()
        client.begin_stop()
        with pytest.raises(ShuttingDown):
            await waiting
        with pytest.raises(ShuttingDown):
            await client.claim(UNIT, CLAIM)


async def test_too_many_claims_are_refused_and_beats_still_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_client, "MAX_CLAIMS", 1)
    monkeypatch.setattr(engine_client, "MAX_BEATS", 1)
    arrived = asyncio.Event()

    async def keep_claims(request: web.Request) -> web.StreamResponse:
        if request.match_info["what"] == "claim":
            arrived.set()
            return await silence(request)
        return web.json_response({"success": True, "data": {"lost": []}})

    async with engine(keep_claims) as client:
        waiting = asyncio.ensure_future(client.claim(UNIT, Claim(claimId="once", waitS=30)))
        await arrived.wait()
        with pytest.raises(QueueFull):
            await client.claim(UNIT, CLAIM)
        assert await client.beat(UNIT, Beat(currentLoad=0)) == {"lost": []}
        waiting.cancel()
        await eventually(waiting.done, what="the claim being given up")
