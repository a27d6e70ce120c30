"""What one client may cost a server: bytes on the real processes, seconds on the same server with shortened ones."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.http.body import BODY_DEADLINE_S, MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES
from shared.http.limits import HttpLimits
from tests.support.dies_with_parent import dies_with_parent
from tests.support.http_targets import GET_HEALTH, Target, running_targets
from tests.support.loopback import free_port
from tests.support.raw_http import RawConnection, resident_bytes

MIB = 1 << 20
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
SHORT = {"head_s": 0.4, "body_s": 0.6, "linger_s": 0.4, "stalled_s": 0.4, "keep_alive_s": 1, "pipelined": 4}


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    with running_targets(tmp_path_factory.mktemp("limits")) as running:
        yield running


@pytest.fixture(params=["node", "queue"])
def target(request: pytest.FixtureRequest, targets: dict[str, Target]) -> Target:
    return targets[request.param]


@pytest.fixture(scope="module")
def tiny() -> Iterator[Target]:
    """The smallest app behind our server, with SHORT deadlines."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.tiny_server", str(port), json.dumps(SHORT)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(dies_with_parent(command), cwd=root, stdin=subprocess.PIPE) as process:
        try:
            yield Target("tiny", _once_it_listens(port), process.pid, "/echo")
        finally:
            process.kill()


def _once_it_listens(port: int) -> int:
    deadline = time.monotonic() + 10
    while True:
        try:
            with RawConnection(port):
                return port
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "the tiny server did not start"


def test_the_published_numbers_are_the_defaults_and_no_process_sets_others() -> None:
    assert (HttpLimits().head_s, BODY_DEADLINE_S) == (10.0, 30.0)
    assert (MAX_BODY_BYTES, MAX_BATCH_BODY_BYTES, HttpLimits().head_bytes) == (MIB, 10 * MIB, 32 * 1024)
    root = Path(__file__).resolve().parents[2]
    for module in ("api_node", "queue_service"):
        assert "limits=" not in (root / module / "__main__.py").read_text()


def test_forty_megabytes_are_refused_and_never_held(target: Target) -> None:
    before = resident_bytes(target.pid)
    for lines, frame in (
        ((b"Content-Length: 40000000",), b"%b"),
        ((b"Transfer-Encoding: chunked",), b"10000\r\n%b\r\n"),
    ):
        with RawConnection(target.port) as connection:
            connection.send(target.head(*lines))
            connection.send_until_refused(frame % (b" " * 65_536), 610)
            answer = connection.answer()
            assert (answer.status, answer.json["errorCode"]) == (413, "payload_too_large")
            assert answer.headers["connection"] == "close"
    assert resident_bytes(target.pid) - before < 20 * MIB


def test_a_body_announced_as_too_large_is_refused_before_a_byte_of_it_arrives(target: Target) -> None:
    with RawConnection(target.port) as connection:
        connection.send(target.head(b"Content-Length: 1048577"))
        assert connection.answer().status == 413


def test_a_head_of_a_megabyte_is_refused_and_never_held(target: Target) -> None:
    before = resident_bytes(target.pid)
    for piece in (b"a" * 65_536, b"a: b\r\n" * 10_000):
        with RawConnection(target.port) as connection:
            connection.send(GET_HEALTH + b"X: ")
            connection.send_until_refused(piece, 17)
            answer = connection.answer()
            assert (answer.status, answer.json["errorCode"]) == (431, "head_too_large")
    assert resident_bytes(target.pid) - before < 20 * MIB


@pytest.mark.parametrize("over", [0, 1])
@pytest.mark.parametrize("segments", [1, 8])
def test_the_limit_of_a_head_is_exact_however_it_is_cut(target: Target, over: int, segments: int) -> None:
    room = HttpLimits().head_bytes - len(GET_HEALTH) - len(b"X: \r\n\r\n") + over
    head = GET_HEALTH + b"X: " + b"a" * room + b"\r\n\r\n"
    size = -(-len(head) // segments)
    with RawConnection(target.port) as connection:
        connection.send(*(head[i : i + size] for i in range(0, len(head), size)))
        assert connection.answer().status == (431 if over else 200)


def test_a_large_body_right_behind_its_head_is_not_taken_for_a_large_head(target: Target) -> None:
    with RawConnection(target.port) as connection:
        connection.send(target.head(b"Content-Length: 900000") + b" " * 900_000)
        assert connection.answer().status == 400
        connection.send(GET_HEALTH + b"\r\n")
        assert connection.answer().status == 200


@pytest.mark.parametrize("kind", ["trailer", "trailers", "chunk extension"])
def test_what_is_neither_head_nor_body_is_bounded_too(target: Target, kind: str) -> None:
    start, piece = {
        "trailer": (b"1\r\n{\r\n0\r\nX: ", b"a" * 65_536),
        "trailers": (b"1\r\n{\r\n0\r\n", b"a: b\r\n" * 10_000),
        "chunk extension": (b"1;x=", b"a" * 65_536),
    }[kind]
    before = resident_bytes(target.pid)
    with RawConnection(target.port) as connection:
        connection.send(target.head(b"Transfer-Encoding: chunked") + start)
        connection.send_until_refused(piece, 600)
        assert connection.answer().status == 400
    assert resident_bytes(target.pid) - before < 20 * MIB


def test_a_head_that_trickles_is_cut_off_at_its_deadline(tiny: Target) -> None:
    with RawConnection(tiny.port) as connection:
        connection.send(b"GET / HT")
        started = time.monotonic()
        answer = connection.answer()
        assert (answer.status, answer.json["errorCode"]) == (408, "request_timeout")
        assert SHORT["head_s"] - 0.1 < time.monotonic() - started < SHORT["head_s"] + 1


def test_trickling_does_not_move_the_deadline_nor_does_a_request_before(tiny: Target) -> None:
    with RawConnection(tiny.port, patience_s=0.1) as connection:
        connection.send(GET + b"\r\n")
        assert connection.answer().status == 200
        sent, started = 0, time.monotonic()
        connection.send(GET)
        while time.monotonic() - started < 5:
            sent += connection.send_until_refused(b"X", 1)
            try:
                assert connection.answer().status == 408
                break
            except TimeoutError:
                continue
        assert sent > 1
        assert time.monotonic() - started < SHORT["head_s"] + 1


def test_a_connection_that_never_speaks_is_closed(tiny: Target) -> None:
    with RawConnection(tiny.port) as connection:
        assert connection.closed_after_s() < SHORT["head_s"] + 1


def test_an_idle_connection_is_closed_after_its_last_answer(tiny: Target) -> None:
    with RawConnection(tiny.port) as connection:
        connection.send(GET + b"\r\n")
        connection.answer()
        assert SHORT["keep_alive_s"] - 0.2 < connection.closed_after_s() < SHORT["keep_alive_s"] + 1


def test_a_body_that_trickles_is_answered_408_at_its_deadline(tiny: Target) -> None:
    with RawConnection(tiny.port) as connection:
        connection.send(tiny.head(b"Content-Length: 100"), b"a few bytes")
        started = time.monotonic()
        answer = connection.answer()
        assert (answer.status, answer.json["errorCode"]) == (408, "request_timeout")
        assert answer.headers["connection"] == "close"
        assert connection.rest() == b""
        assert SHORT["body_s"] - 0.1 < time.monotonic() - started < SHORT["body_s"] + SHORT["linger_s"] + 1


def test_a_late_second_head_is_not_answered_into_the_middle_of_the_first_answer(tiny: Target) -> None:
    with RawConnection(tiny.port) as connection, RawConnection(tiny.port) as other:
        connection.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HT")
        assert other_is_cut_off(other)
        assert connection.nothing_came()
        with RawConnection(tiny.port) as releasing:
            releasing.send(b"GET /release HTTP/1.1\r\nHost: a\r\n\r\n")
            releasing.answer()
        answer = connection.answer()
        assert (answer.status, answer.body) == (200, b"slow")
        assert connection.rest() == b""


def other_is_cut_off(connection: RawConnection) -> bool:
    """True once a head that began now is late: so is every one that began before."""
    connection.send(b"GET / HT")
    return connection.answer().status == 408


def test_requests_queued_on_one_connection_are_bounded(tiny: Target) -> None:
    with RawConnection(tiny.port) as connection:
        connection.send(GET + b"\r\n" + (GET + b"\r\n") * 50)
        answers = connection.rest().count(b"HTTP/1.1 200 OK")
        assert answers == 1 + SHORT["pipelined"]


def test_a_client_that_stops_reading_a_stream_is_cut_off(tiny: Target) -> None:
    with RawConnection(tiny.port) as connection:
        connection.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        _until(lambda: _get(tiny, b"/streams") == b"1", "the stream began")
        _until(lambda: _get(tiny, b"/streams") == b"0", "the stream ended")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_connection_whose_answer_is_never_taken_is_given_up(tiny: Target, version: bytes) -> None:
    with RawConnection(tiny.port) as connection:
        connection.send(b"GET /large HTTP/" + version + b"\r\nHost: a\r\n\r\n")
        connection.wait_for_a_byte()
        held = _open_files(tiny)
        _until(lambda: _open_files(tiny) < held, "the connection was given up")
        assert len(connection.rest()) < 16 * MIB


def _open_files(target: Target) -> int:
    return len(list(Path(f"/proc/{target.pid}/fd").iterdir()))


def _get(target: Target, path: bytes) -> bytes:
    with RawConnection(target.port) as connection:
        connection.send(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        return connection.answer().body


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within 5 s"


def test_an_answer_before_the_body_is_in_reaches_a_client_that_is_still_sending(tiny: Target) -> None:
    with RawConnection(tiny.port) as connection:
        connection.send(tiny.head(b"Content-Length: 40000000"))
        connection.send_until_refused(b"x" * 65_536, 600)
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
