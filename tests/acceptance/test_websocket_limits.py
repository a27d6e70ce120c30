"""What a WebSocket may cost a server: a handshake that is none, a peer that never reads, one that is gone."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.http.websocket import CLOSE_S
from tests.support.dies_with_parent import dies_with_parent
from tests.support.http_targets import GET_HEALTH, Target, running_targets
from tests.support.loopback import free_port
from tests.support.raw_http import RawConnection, resident_bytes

MIB = 1 << 20
KEY = b"Sec-WebSocket-Key: " + base64.b64encode(b"sixteen bytes ok") + b"\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
HANDSHAKE = b"Host: a\r\n" + UPGRADE + VERSION + KEY
HTTP = {"ping_s": 0.5, "pong_s": 0.5, "keep_alive_s": 2}
LIVE = {"send_s": 0.7, "beat_s": 0.2}
SLACK_S = 1.5

NO_HANDSHAKES = {
    "no key": b"Host: a\r\n" + UPGRADE + VERSION,
    "two keys": HANDSHAKE + KEY,
    "a short key": b"Host: a\r\n" + UPGRADE + VERSION + b"Sec-WebSocket-Key: YQ==\r\n",
    "a key of nonsense": b"Host: a\r\n" + UPGRADE + VERSION + b"Sec-WebSocket-Key: !!!!\r\n",
    "no version": b"Host: a\r\n" + UPGRADE + KEY,
    "an old version": b"Host: a\r\n" + UPGRADE + KEY + b"Sec-WebSocket-Version: 8\r\n",
    "two protocols": HANDSHAKE + b"Upgrade: h2c\r\n",
    "a body": HANDSHAKE + b"Content-Length: 2\r\n",
    "a long line": HANDSHAKE + b"Cookie: " + b"x" * 9_000 + b"\r\n",
    "many lines": HANDSHAKE + b"X: y\r\n" * 120,
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with running_targets(tmp_path_factory.mktemp("sockets")) as running:
        yield running["node"]


@pytest.fixture(scope="module")
def server() -> Iterator[Target]:
    """The last part of the live events behind our server, with short deadlines."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.live_server", str(port), json.dumps(HTTP), json.dumps(LIVE)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(dies_with_parent(command), cwd=root, stdin=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 20
            while open_now(port) is None:
                assert time.monotonic() < deadline, "the server did not start"
            yield Target("live", port, process.pid, "")
        finally:
            process.kill()


def open_now(port: int) -> int | None:
    """How many WebSockets the server has open; None when it does not serve."""
    try:
        with RawConnection(port) as connection:
            connection.send(b"GET /open HTTP/1.1\r\nHost: a\r\n\r\n")
            return int(connection.answer().body)
    except ConnectionRefusedError:
        return None


def opened(connection: RawConnection, path: bytes) -> None:
    connection.send(b"GET " + path + b" HTTP/1.1\r\n" + HANDSHAKE + b"\r\n")
    assert connection.answer().status == 101


def gone_within_s(port: int) -> float:
    started = time.monotonic()
    while open_now(port):
        assert time.monotonic() - started < 20, "it is still open"
    return time.monotonic() - started


def frame(opcode: int, payload: bytes) -> bytes:
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked


@pytest.mark.parametrize("lines", NO_HANDSHAKES.values(), ids=NO_HANDSHAKES)
def test_what_is_no_handshake_gets_the_plain_answer_of_the_path(node: Target, lines: bytes) -> None:
    with RawConnection(node.port) as connection:
        connection.send(b"GET /api/ws HTTP/1.1\r\n" + lines + b"\r\n" + (b"{}" if b"Content-Length" in lines else b""))
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (426, "close")
        assert (answer.json["errorCode"], connection.rest()) == ("upgrade_required", b"")


@pytest.mark.parametrize(
    "sent", [b"GET /api/ws HTTP/1.0\r\n", b"POST /api/ws HTTP/1.1\r\n", b"GET /%61pi/ws HTTP/1.1\r\n"]
)
def test_only_a_get_of_the_very_path_opens_one(node: Target, sent: bytes) -> None:
    with RawConnection(node.port) as connection:
        connection.send(sent + HANDSHAKE + b"\r\n")
        assert connection.answer().status in (405, 426)


def test_a_handshake_behind_a_request_that_is_still_answered_is_no_handshake(node: Target) -> None:
    with RawConnection(node.port) as connection:
        connection.send(GET_HEALTH + b"\r\n" + b"GET /api/ws?ticket=x HTTP/1.1\r\n" + HANDSHAKE + b"\r\n")
        assert [connection.answer().status for _ in range(2)] == [200, 426]
        assert connection.rest() == b""


def test_a_refused_handshake_is_an_answer_like_any_other_and_the_end(node: Target) -> None:
    with RawConnection(node.port) as connection:
        connection.send(GET_HEALTH + b"\r\n")
        assert connection.answer().status == 200
        connection.send(b"GET /api/ws?ticket=x HTTP/1.1\r\n" + HANDSHAKE + b"\r\nwhatever comes then")
        answer = connection.answer()
        assert (answer.status, answer.json["errorCode"], answer.headers["connection"]) == (
            401,
            "unauthenticated",
            "close",
        )
        assert connection.rest() == b""


def test_a_peer_that_is_gone_is_found_and_let_go(server: Target) -> None:
    with RawConnection(server.port) as connection:
        opened(connection, b"/idle")
        assert open_now(server.port) == 1
        # it reads and says nothing: not even that it heard the pings
        assert gone_within_s(server.port) < HTTP["ping_s"] + HTTP["pong_s"] + SLACK_S
        connection.rest()


def test_a_peer_that_takes_nothing_is_let_go(server: Target) -> None:
    with RawConnection(server.port) as connection:
        opened(connection, b"/live")
        for _ in range(20):  # it answers pings all the while: it is there, but does not read
            connection.send_until_refused(frame(0xA, b""), 1)
        assert gone_within_s(server.port) < LIVE["send_s"] + HTTP["ping_s"] + HTTP["pong_s"] + CLOSE_S + SLACK_S


def test_a_peer_that_asks_and_never_reads_the_answers_costs_no_memory(server: Target) -> None:
    before = resident_bytes(server.pid)
    pings = frame(0x9, b"x" * 125) * 500
    with RawConnection(server.port, patience_s=1.0) as connection:
        opened(connection, b"/idle")
        connection.send_until_refused(pings, 1_000)  # 65 MB, unless the server stops reading
        assert resident_bytes(server.pid) - before < 8 * MIB
    assert gone_within_s(server.port) < 5


def test_a_close_that_is_not_answered_is_the_end_all_the_same(server: Target) -> None:
    with RawConnection(server.port) as connection:
        opened(connection, b"/idle")
        started = time.monotonic()
        connection.send(frame(0x1, b"junk"))
        connection.rest()
        assert time.monotonic() - started < CLOSE_S + SLACK_S
