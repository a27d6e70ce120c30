"""The parts of a node's live events that never end: what they survive, and that nobody goes on without them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from api_node.live.connections import Connections
from api_node.live.event import LiveEvent
from api_node.live.follower import Follower
from api_node.live.live import Live
from api_node.live.metrics import LiveMetrics
from shared.clock import SystemClock
from shared.db.database import reader_engine
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.writer import SECRET, settings_for


@pytest.mark.parametrize("part", [(Connections, "watch"), (Follower, "_run")], ids=["rights", "stream"])
@pytest.mark.parametrize("how", ["raises", "returns"])
async def test_a_part_that_ends_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: tuple[type, str], how: str
) -> None:
    async def end(_: object) -> None:
        if how == "raises":
            raise ZeroDivisionError

    monkeypatch.setattr(*part, end)
    database = Database("sqlite", f"sqlite:///{tmp_path}/console.db")
    engine = reader_engine(database.url, 1)
    broken: list[int] = []
    settings = settings_for(database, tmp_path)
    live = Live(
        settings,
        SystemClock(),
        engine,
        CollectorRegistry(),
        on_broken=lambda: broken.append(1),
        on_change_of_rights=lambda _: None,
    )
    live.start()
    await eventually(lambda: broken == [1], what="being told")
    if how == "returns":
        await live.stop()
        assert broken == [1]
    await engine.dispose()


@asynccontextmanager
async def streaming(lines: list[bytes]) -> AsyncIterator[str]:
    """A queue service whose stream brings a beat and one of these to each connection, in turn; the last for ever."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        said = b'{"seq": "1.0", "since": "1.0", "beat": true}\n' + lines[0]
        if len(lines) > 1:
            lines.pop(0)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def test_a_line_that_makes_no_sense_is_a_broken_stream_and_the_next_one_is_followed() -> None:
    heard: list[LiveEvent] = []
    event = b'{"seq": "1.1", "type": "task.created", "entity": "task", "id": 1}\n'
    lines = [b"no json\n", b"[]\n", b'{"seq": "nowhere"}\n', b'{"type": "task.created"}\n', event]
    async with streaming(lines) as url:
        follower = Follower(url, SECRET, SystemClock(), LiveMetrics(CollectorRegistry()), on_event=heard.append)
        following = follower.start()
        await eventually(lambda: heard, what="the event")
        assert not following.done()
        await follower.stop()
    assert heard[0].id == 1
