"""One connection, and the watch over all: what a client hears that is ahead, behind, slow, or has lost its rights."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.websockets import WebSocket

from api_node.live.connection import Connection
from api_node.live.connections import Connections
from api_node.live.event import LiveEvent, from_wire
from api_node.live.limits import LiveLimits
from api_node.live.metrics import LiveMetrics
from shared.clock import SystemClock
from shared.errors import DatabaseUnavailable, TooManyConnections, Unavailable
from shared.events import EventRing
from shared.jsonio import loads
from shared.permissions import Permission
from shared.position import Position
from shared.principal import Principal
from tests.support.eventually import eventually
from tests.support.live_server import VIEWER
from tests.support.people import employee, manager

SHORT = LiveLimits(a_person=2, a_node=3, beat_s=0.05, send_s=0.1, catch_up_s=0.3, look_s=0.05, rights_last_s=0.8)


class Client:
    """The other end of a WebSocket. It takes what is sent until it is told to `stall`."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.code: int | None = None
        self._takes = asyncio.Event()
        self._takes.set()
        self._says: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._says.put_nowait({"type": "websocket.connect"})
        self.socket = WebSocket({"type": "websocket", "headers": []}, self._says.get, self._hear)

    def stall(self) -> None:
        self._takes.clear()

    def types(self) -> list[str]:
        return [message["type"] for message in self.heard if message["type"] != "beat"]

    async def _hear(self, message: MutableMapping[str, Any]) -> None:
        await self._takes.wait()
        if message["type"] == "websocket.send":
            self.heard.append(loads(message["text"]))
        elif message["type"] == "websocket.close":
            self.code = message["code"]


class Rights:
    """The database, as the watch sees it: `user` None is signed out; `is_silent` does not answer, `refused` times, and
    raises `trouble`."""

    def __init__(self) -> None:
        self.user: Principal | None = VIEWER
        self.is_silent = False
        self.refused = 0
        self.trouble: Exception = DatabaseUnavailable()

    async def look_up(self, session_ids: Collection[int]) -> Mapping[int, Principal]:
        if self.is_silent:
            self.refused += 1
            raise self.trouble
        return {} if self.user is None else dict.fromkeys(session_ids, self.user)


def event(seq: int) -> tuple[Position, LiveEvent]:
    return (1, seq), from_wire((1, seq), {"type": "task.created", "entity": "task", "id": seq})


def connection_of(client: Client) -> Connection:
    metrics = LiveMetrics(CollectorRegistry())
    at = SystemClock().monotonic()
    return Connection(client.socket, 1, VIEWER, believed_at=at, limits=SHORT, metrics=metrics)


@asynccontextmanager
async def served(
    client: Client, ring: EventRing[LiveEvent], since: Position | None = None
) -> AsyncIterator[tuple[Connection, asyncio.Task[int]]]:
    await client.socket.accept()
    connection = connection_of(client)
    serving = asyncio.create_task(connection.serve(ring, since))
    try:
        yield connection, serving
    finally:
        connection.end(1000)
        await serving


async def test_a_client_that_is_ahead_of_this_node_is_waited_for_and_told_of_no_gap() -> None:
    ring: EventRing[LiveEvent] = EventRing()
    ring.begin((1, 0))
    client = Client()
    async with served(client, ring, (1, 2)):
        await eventually(lambda: client.types() == ["hello"])
        for seq in (1, 2, 3):
            ring.keep([event(seq)])
        await eventually(lambda: client.types() == ["hello", "task.created"])
        assert client.heard[-1]["position"] == "1.3"


async def test_a_client_of_another_database_is_told_after_a_while() -> None:
    ring: EventRing[LiveEvent] = EventRing()
    client = Client()
    async with served(client, ring, (9, 9)):
        await eventually(lambda: client.types() == ["hello", "gap"])


async def test_what_the_node_missed_is_a_gap_for_everybody() -> None:
    ring: EventRing[LiveEvent] = EventRing()
    ring.begin((1, 0))
    client = Client()
    async with served(client, ring):
        await eventually(lambda: client.types() == ["hello"])
        ring.begin((1, 7))
        await eventually(lambda: client.types() == ["hello", "gap"])
        ring.keep([event(8)])
        await eventually(lambda: client.types() == ["hello", "gap", "task.created"])


async def test_a_client_that_missed_more_than_is_kept_is_told_of_the_gap() -> None:
    ring: EventRing[LiveEvent] = EventRing(limit=3)
    ring.keep([event(seq) for seq in range(1, 11)])
    client = Client()
    async with served(client, ring, (1, 2)):
        await eventually(lambda: client.types() == ["hello", "gap"])
        assert client.heard[1]["position"] == "1.10"


async def test_a_client_that_takes_nothing_is_closed_after_a_while() -> None:
    ring: EventRing[LiveEvent] = EventRing()
    client = Client()
    await client.socket.accept()
    client.stall()
    assert await asyncio.wait_for(connection_of(client).serve(ring, None), 5) == 1013


async def test_the_end_of_the_stream_is_a_goodbye() -> None:
    ring: EventRing[LiveEvent] = EventRing()
    client = Client()
    async with served(client, ring) as (_, serving):
        ring.close()
        assert await asyncio.wait_for(serving, 5) == client.code == 1001


@asynccontextmanager
async def watched(rights: Rights) -> AsyncIterator[tuple[Client, asyncio.Task[int]]]:
    """A client that is listening while the watch goes on."""
    metrics = LiveMetrics(CollectorRegistry())
    connections = Connections(SHORT, metrics, SystemClock(), rights.look_up)
    watching = asyncio.create_task(connections.watch())
    client = Client()
    try:
        async with served(client, EventRing()) as (connection, serving):
            with connections.watched(connection, Permission.BOARD_VIEW):
                yield client, serving
    finally:
        watching.cancel()


whatever_it_is = pytest.mark.parametrize("trouble", [DatabaseUnavailable(), IndexError("a bug")], ids=["503", "a bug"])


@whatever_it_is
async def test_old_rights_are_not_believed_for_ever_when_the_database_is_silent(trouble: Exception) -> None:
    rights = Rights()
    rights.trouble = trouble
    async with watched(rights) as (client, serving):
        await eventually(lambda: "beat" in [message["type"] for message in client.heard])
        rights.is_silent = True
        assert await asyncio.wait_for(serving, 5) == 1013


@whatever_it_is
async def test_a_database_that_is_silent_for_a_moment_costs_nobody_the_connection(trouble: Exception) -> None:
    rights = Rights()
    rights.trouble = trouble
    async with watched(rights) as (client, serving):
        rights.is_silent = True
        await eventually(lambda: rights.refused == 1)
        rights.is_silent = False
        beats = len(client.heard) + int(2 * SHORT.rights_last_s / SHORT.beat_s)
        await eventually(lambda: len(client.heard) > beats)
        assert not serving.done()
        rights.user = None
        assert await asyncio.wait_for(serving, 5) == 4401


@pytest.mark.parametrize(
    ("user", "code"),
    [(None, 4401), (manager(1, "/1/", Permission.TASK_VIEW), 4403)],
    ids=["signed out", "without the right"],
)
async def test_who_may_no_longer_listen_is_sent_away(user: Principal | None, code: int) -> None:
    rights = Rights()
    async with watched(rights) as (_, serving):
        rights.user = user
        assert await asyncio.wait_for(serving, 5) == code


async def test_who_sees_another_part_of_the_board_now_is_told_to_read_it_anew() -> None:
    rights = Rights()
    async with watched(rights) as (client, _):
        rights.user = employee(1)
        await eventually(lambda: client.types() == ["hello", "gap"])
        rights.user = VIEWER
        await eventually(lambda: client.types() == ["hello", "gap", "gap"])


def test_a_person_and_a_node_have_so_many_places_and_each_is_given_back() -> None:
    connections = Connections(SHORT, LiveMetrics(CollectorRegistry()), SystemClock(), Rights().look_up)
    for _ in range(3):
        with connections.place(1), connections.place(1), connections.place(2):
            with pytest.raises(TooManyConnections), connections.place(1):
                pass
            with pytest.raises(Unavailable), connections.place(3):
                pass
