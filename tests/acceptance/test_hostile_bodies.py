"""Bodies that mean harm, through the real edge at a real node: documented refusals, and memory stays where it was."""

import asyncio
import io
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.acceptance.running_edge import running_edge
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.raw_http import RawConnection, resident_bytes

MIB: Final = 1 << 20
HEAD: Final = b"POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
CHUNKED: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE: Final = {
    "a mebibyte of lists": (b"[" + b"[]," * 349_000 + b"[]]", 400),
    "a mebibyte of depth": (b"[" * MIB, 400),
    "a mebibyte of members": (b"{" + b",".join(b'"a%d":1' % i for i in range(80_000)) + b"}", 400),
    "twenty thousand unknown members": (b"{" + b",".join(b'"a%d":1' % i for i in range(20_000)) + b"}", 422),
    "a mebibyte of text": (b'{"email": "' + b"x" * (MIB - 100) + b'", "password": "x"}', 422),
    "numbers without end": (b"[" + b"9" * 1_000_000 + b"]", 400),
    "ten megabytes": (b" " * 10_900_000, 413),
}


def _answer_to(port: int, head: bytes, piece: bytes = b"", times: int = 1) -> int:
    """The status of the answer to a request by hand; it may come before all of it was sent."""
    with RawConnection(port) as connection:
        connection.send(head)
        connection.send_until_refused(piece, times)
        return connection.answer().status


def _hang_up(port: int) -> None:
    with RawConnection(port) as connection:
        connection.send(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"{" * 500_000)


async def _round(port: int, http: aiohttp.ClientSession) -> None:
    for name, (body, expected) in WHOLE.items():
        async with http.post(
            "/api/auth/login", data=io.BytesIO(body), headers={"Content-Type": "application/json"}
        ) as response:
            assert response.status == expected, (name, await response.text())
    for head, piece, times, expected in (
        (HEAD + b"Content-Length: 40000000\r\n\r\n", b" " * 65_536, 611, 413),
        (CHUNKED, b"10000\r\n" + b" " * 65_536 + b"\r\n", 611, 413),
        (CHUNKED, b"zz\r\n{}\r\n", 1, 400),
        (CHUNKED, b"5\r\n{}\r\n0\r\n\r\n", 1, 400),
        (CHUNKED, b"2\r\n{}XX0\r\n", 1, 400),
        (CHUNKED, b"2;" + b"a" * 70_000, 1, 400),
        (CHUNKED, b"f" * 17 + b"\r\n{", 1, 400),
    ):
        assert await asyncio.to_thread(_answer_to, port, head, piece, times) == expected, (head[-40:], piece[:10])
    await asyncio.to_thread(_hang_up, port)


@pytest.mark.only_on("sqlite")
async def test_hostile_bodies_through_the_edge_are_refused_and_leave_nothing_behind(
    database: Database, tmp_path: Path
) -> None:
    async with Cluster(database.url, tmp_path, nodes=1) as cluster:
        (node,) = cluster.nodes
        upstream = f"127.0.0.1:{node.port}"
        async with running_edge(
            tmp_path, API_UPSTREAMS=upstream, LIVE_UPSTREAMS=f"tcp/{upstream}", EDGE_READ_BODY="30s"
        ) as edge:
            for _ in range(3):
                await _round(edge.port, edge.client)
            before = resident_bytes(node.pid)
            for _ in range(5):
                async with asyncio.TaskGroup() as rounds:
                    for _ in range(2):
                        rounds.create_task(_round(edge.port, edge.client))
            grown = resident_bytes(node.pid) - before
            assert (await edge.ask("/api/health"))[0] == 200
        assert grown < 24 * MIB
        assert "Traceback" not in node.log
        assert " status=5" not in node.log
