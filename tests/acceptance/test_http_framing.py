"""What counts as a request: strict framing on both servers, because what we and a proxy read differently is a hole."""

from collections.abc import Iterator

import pytest

from tests.support.http_targets import GET_HEALTH, Target, running_targets
from tests.support.raw_http import RawConnection

CHUNKED = b"Transfer-Encoding: chunked"
REFUSED_HEADS = {
    "no Host": b"GET /api/health HTTP/1.1\r\n\r\n",
    "two Hosts": GET_HEALTH + b"Host: b\r\n\r\n",
    "two Hosts on 1.0": b"GET /api/health HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    "a bare LF after the line": b"GET /api/health HTTP/1.1\nHost: a\r\n\r\n",
    "bare LFs throughout": b"GET /api/health HTTP/1.1\nHost: a\n\n",
    "a bare CR in a value": GET_HEALTH + b"X: a\rY: b\r\n\r\n",
    "a folded line": GET_HEALTH + b"X: a\r\n b\r\n\r\n",
    "a line folded by a tab": GET_HEALTH + b"X: a\r\n\tb\r\n\r\n",
    "a space before the colon": GET_HEALTH + b"X : a\r\n\r\n",
    "a NUL in a value": GET_HEALTH + b"X: a\x00b\r\n\r\n",
    "a NUL in a name": GET_HEALTH + b"X\x00: a\r\n\r\n",
    "a NUL in the path": b"GET /api\x00/health HTTP/1.1\r\nHost: a\r\n\r\n",
    "a path that is no ASCII": b"GET /api/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "no version": b"GET /api/health\r\n\r\n",
    "version 2.0": b"GET /api/health HTTP/2.0\r\nHost: a\r\n\r\n",
    "version 1.2": b"GET /api/health HTTP/1.2\r\nHost: a\r\n\r\n",
    "an unknown method": b"BREW /api/health HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tunnel": b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
REFUSED_BODIES = {
    "length and chunks": ((b"Content-Length: 5", CHUNKED), b"0\r\n\r\n"),
    "chunks and length": ((CHUNKED, b"Content-Length: 5"), b"0\r\n\r\n"),
    "two lengths": ((b"Content-Length: 5", b"Content-Length: 6"), b"hello!"),
    "the same length twice": ((b"Content-Length: 5", b"Content-Length: 5"), b"hello"),
    "a length with a sign": ((b"Content-Length: +5",), b"hello"),
    "a length in hex": ((b"Content-Length: 0x5",), b"hello"),
    "an endless length": ((b"Content-Length: 99999999999999999999999",), b"hello"),
    "a coding we do not undo": ((b"Transfer-Encoding: gzip, chunked",), b"0\r\n\r\n"),
    "chunked twice": ((CHUNKED, CHUNKED), b"0\r\n\r\n"),
    "chunked in disguise": ((b"Transfer-Encoding: xchunked",), b"0\r\n\r\n"),
    "a chunk longer than it says": ((CHUNKED,), b"5\r\nhelloXX\r\n0\r\n\r\n"),
    "a chunk of no length": ((CHUNKED,), b"zz\r\nhello\r\n0\r\n\r\n"),
}


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    with running_targets(tmp_path_factory.mktemp("framing")) as running:
        yield running


@pytest.fixture(params=["node", "queue"])
def target(request: pytest.FixtureRequest, targets: dict[str, Target]) -> Target:
    return targets[request.param]


@pytest.mark.parametrize("sent", REFUSED_HEADS.values(), ids=REFUSED_HEADS)
def test_an_ambiguous_head_is_refused_and_the_connection_closed(target: Target, sent: bytes) -> None:
    with RawConnection(target.port) as connection:
        connection.send(sent)
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert (answer.json["errorCode"], answer.json["outcome"]) == ("malformed_request", "not_applied")
        assert connection.rest() == b""


@pytest.mark.parametrize(("lines", "body"), REFUSED_BODIES.values(), ids=REFUSED_BODIES)
def test_a_body_whose_end_is_ambiguous_is_refused(target: Target, lines: tuple[bytes, ...], body: bytes) -> None:
    smuggled = GET_HEALTH + b"\r\n"
    with RawConnection(target.port) as connection:
        connection.send(target.head(*lines) + body + smuggled)
        assert connection.answer().status == 400
        assert connection.rest() == b"", "what followed must not be taken for a request"


def test_two_requests_in_one_segment_are_answered_in_order(target: Target) -> None:
    with RawConnection(target.port) as connection:
        connection.send(GET_HEALTH + b"X-Request-Id: one\r\n\r\n" + GET_HEALTH + b"X-Request-Id: two\r\n\r\n")
        assert [connection.answer().headers["x-request-id"] for _ in range(2)] == ["one", "two"]


def test_a_good_request_before_a_bad_one_is_answered(target: Target) -> None:
    with RawConnection(target.port) as connection:
        connection.send(GET_HEALTH + b"\r\n" + b"NONSENSE\r\n\r\n")
        assert connection.answer().status == 200
        assert b"200 OK" not in connection.rest()


def test_a_head_split_over_many_segments_is_one_head(target: Target) -> None:
    with RawConnection(target.port) as connection:
        connection.send(*(bytes([byte]) for byte in GET_HEALTH + b"\r\n"))
        assert connection.answer().json == {"status": "ok"}
        connection.send(GET_HEALTH + b"\r", b"\n")
        assert connection.answer().status == 200


def test_http_1_0_is_answered_and_closed(target: Target) -> None:
    with RawConnection(target.port) as connection:
        connection.send(b"GET /api/health HTTP/1.0\r\n\r\n")
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert connection.rest() == b""


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"TLS/1.0"])
def test_an_upgrade_that_we_do_not_do_is_answered_as_if_it_had_not_been_asked_for(
    target: Target, protocol: bytes
) -> None:
    with RawConnection(target.port) as connection:
        connection.send(GET_HEALTH + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\nwhatever comes then")
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert connection.rest() == b""


def test_a_client_that_asks_first_is_told_to_go_on_or_why_not(target: Target) -> None:
    with RawConnection(target.port) as connection:
        connection.send(target.head(b"Content-Length: 2", b"Expect: 100-continue"))
        assert connection.answer().status == 100
        connection.send(b"{}")
        assert connection.answer().status == 422
    with RawConnection(target.port) as connection:
        connection.send(target.head(b"Content-Length: 40000000", b"Expect: 100-continue"))
        assert connection.answer().status == 413


def test_a_trailer_is_read_past(target: Target) -> None:
    body = b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\nX-Request-Id: smuggled\r\n\r\n"
    with RawConnection(target.port) as connection:
        connection.send(target.head(CHUNKED) + body)
        answer = connection.answer()
        assert answer.status == 422
        assert answer.headers["x-request-id"] != "smuggled"
        connection.send(GET_HEALTH + b"\r\n")
        assert connection.answer().status == 200


@pytest.mark.parametrize(
    "path",
    [
        b"/%2e%2e/%2e%2e/etc/passwd",
        b"/api/../metrics/..",
        b"/api/tasks/%00",
        b"/api/tasks/%ff%fe",
        b"/api/tasks/%",
        b"/api/tasks/%zz",
        b"//api//health",
        b"/" + b"a" * 20_000,
        b"/api/health?" + b"%ff=%fe&" * 1_000,
        b"/api/tasks?page=%ff",
        b"*",
        b"http://elsewhere/api/health",
        b"/api/health#fragment",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"PROPFIND", b"DELETE"])
def test_no_path_however_odd_is_our_fault(target: Target, method: bytes, path: bytes) -> None:
    with RawConnection(target.port) as connection:
        connection.send(method + b" " + path + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        status = int(connection.rest().split(b" ")[1])
        assert 200 <= status < 500
