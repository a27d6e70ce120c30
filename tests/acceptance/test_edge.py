"""The Caddyfile on the real Caddy over two stand-in nodes: balance, loss of a node, replays, errors, private paths."""

import asyncio
import io
import json
import re
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.cluster import CADDYFILE
from shared.envelopes import failure
from shared.errors import every_error
from shared.messages import Language, message
from tests.acceptance.running_edge import Edge, caddy_program, running_edge
from tests.support.eventually import eventually
from tests.support.raw_http import RawAnswer, RawConnection

KEY = {"Idempotency-Key": "k-1"}


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    async with running_edge(tmp_path) as running:
        yield running


def test_the_caddyfile_is_valid() -> None:
    done = subprocess.run([caddy_program(), "validate", "--config", str(CADDYFILE)], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


async def test_requests_are_spread_over_the_nodes(edge: Edge) -> None:
    for _ in range(60):
        assert (await edge.ask("/x"))[0] == 200

    assert all(node.requests.count("/x") >= 10 for node in edge.nodes)


async def test_a_node_that_vanishes_costs_no_request(edge: Edge) -> None:
    async def reader(statuses: list[int]) -> None:
        while len(statuses) < 100:
            statuses.append((await edge.ask("/x"))[0])

    results: list[list[int]] = [[], [], [], []]
    async with asyncio.TaskGroup() as tasks:
        for statuses in results:
            tasks.create_task(reader(statuses))
        await eventually(lambda: edge.seen("/x") > 40)
        await edge.nodes[0].stop()

    assert [status for statuses in results for status in statuses if status != 200] == []


async def test_a_post_that_may_have_arrived_is_not_sent_again(edge: Edge) -> None:
    for node in edge.nodes:
        node.is_broken = True
    status, body = await edge.ask("/break/post", "POST", data=b"x")

    assert status == 502
    assert edge.seen("/break/post") == 1
    answer = json.loads(body)
    assert (answer["errorCode"], answer["outcome"], answer["retryable"]) == ("bad_gateway", "unknown", True)


@pytest.mark.parametrize(("method", "headers"), [("GET", {}), ("POST", KEY), ("PATCH", KEY), ("DELETE", KEY)])
async def test_what_may_be_sent_twice_reaches_the_other_node_whole(
    edge: Edge, method: str, headers: dict[str, str]
) -> None:
    broken, sound = edge.nodes
    broken.is_broken = True
    body = b"" if method == "GET" else b"b" * 5000

    answers = []

    async def has_met_the_broken_one() -> bool:
        # the edge chooses: ask until its first choice was the broken node
        answers.append(await edge.ask("/break/it", method, headers=headers, data=body or None))
        return "/break/it" in broken.requests

    await eventually(has_met_the_broken_one, every_s=0.1)
    assert set(answers) == {(200, str(sound.port))}
    assert sound.requests[-1] == "/break/it"
    assert sound.bodies[-1] == body


@pytest.mark.parametrize(("headers", "status", "arrives"), [("Idempotency-Key: k\r\n", 200, 1), ("", 502, 0)])
async def test_a_request_without_any_body_is_sent_to_another_node_only_with_a_key(
    edge: Edge, headers: str, status: int, arrives: int
) -> None:
    broken, sound = edge.nodes
    broken.is_broken = True
    # as curl --request DELETE sends it: no Content-Length, no Transfer-Encoding
    request = f"DELETE /break/it HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode()

    async def was_first_at_the_broken_one() -> bool:
        for node in edge.nodes:
            node.requests.clear()
        with RawConnection(edge.port) as connection:
            await asyncio.to_thread(connection.send, request)
            answer.append(await asyncio.to_thread(connection.answer))
        return "/break/it" in broken.requests

    answer: list[RawAnswer] = []
    await eventually(was_first_at_the_broken_one, every_s=0.1)
    assert answer[-1].status == status
    assert sound.requests.count("/break/it") == arrives
    assert all("content-length" not in headers for node in edge.nodes for headers in node.headers)


@pytest.mark.parametrize(
    "path", ["/v1/shutdown", "/internal/events", "/metrics", "/%6detrics", "//metrics", "/v1/./shutdown", "/INTERNAL/x"]
)
async def test_private_paths_are_not_there(edge: Edge, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 404")
    assert b'"errorCode":"not_found"' in answer
    assert edge.nodes[0].requests == edge.nodes[1].requests == []


async def test_without_any_node_each_door_has_its_own_shape(edge: Edge) -> None:
    for node in edge.nodes:
        await node.stop()
    answers = {}
    for path in ("/api/tasks", "/v1/users", "/api/v1/tasks"):
        async with edge.client.get(path, headers={"X-Request-Id": "mine-1"}) as response:
            assert response.status in (502, 503)
            assert response.headers["Content-Type"] == "application/json"
            assert response.headers["Retry-After"] == "1"
            answers[path] = json.loads(await response.text())

    common = {"errorCode", "message", "requestId", "retryable", "outcome"}
    assert set(answers["/api/tasks"]) == common | {"error", "statusCode"}
    assert set(answers["/v1/users"]) == common | {"code", "data"}
    assert set(answers["/api/v1/tasks"]) == common | {"success", "data", "timestamp"}
    assert answers["/v1/users"]["code"] == 5000
    assert {answer["requestId"] for answer in answers.values()} == {"mine-1"}


async def test_a_request_has_one_id_that_is_echoed_and_plain(edge: Edge) -> None:
    for given, kept in (({}, False), ({"X-Request-Id": "mine-1"}, True), ({"X-Request-Id": 'a"b'}, False)):
        async with edge.client.get("/x", headers=given) as response:
            (echoed,) = response.headers.getall("X-Request-Id")
        seen = [headers["x-request-id"] for node in edge.nodes for headers in node.headers]
        assert echoed in seen
        assert (echoed == given.get("X-Request-Id")) is kept
        assert '"' not in echoed


async def test_strangers_cannot_say_where_they_come_from(edge: Edge) -> None:
    await edge.ask("/x", headers={"X-Forwarded-For": "6.6.6.6"})

    (headers,) = [headers for node in edge.nodes for headers in node.headers]
    assert headers["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("en", "en"),
        ("EN-gb,zh;q=0.5", "en"),
        ("zh-TW, en", "zh-CN"),
        ("fr", "zh-CN"),
        ("enx", "zh-CN"),
        (None, "zh-CN"),
    ],
)
async def test_an_error_of_the_edge_is_in_the_language_that_was_asked_for(
    edge: Edge, accepted: str | None, language: Language
) -> None:
    headers = {"Accept-Language": accepted} if accepted else {}
    async with edge.client.get("/metrics", headers=headers) as response:
        assert (response.status, response.headers["Content-Language"]) == (404, language)
        assert json.loads(await response.text())["message"] == message("not_found", language)


async def test_the_language_when_none_was_asked_for_is_a_setting(tmp_path: Path) -> None:
    async with running_edge(tmp_path, DEFAULT_LANGUAGE="en") as edge:
        _, english = await edge.ask("/metrics")
        _, chinese = await edge.ask("/metrics", headers={"Accept-Language": "zh"})

    assert json.loads(english)["message"] == message("not_found", "en")
    assert json.loads(chinese)["message"] == message("not_found", "zh-CN")


def test_a_code_that_the_api_has_too_says_the_same() -> None:
    table = re.findall(r'^\t{3}(\d{3}) (\w+) (\d{4}) (\w+) (\w+) "(.+)" "(.+)"$', CADDYFILE.read_text(), re.MULTILINE)
    shared = {
        status: (code, v1_code, retryable, outcome, chinese, english)
        for status, code, v1_code, retryable, outcome, chinese, english in table
        if code in every_error()
    }

    assert len(table) == 6
    assert set(shared) == {"400", "404", "413", "503"}
    for status, row in shared.items():
        kind = every_error()[row[0]]
        body = failure(kind(), door="/v1", language="en", request_id="", now=datetime(2026, 1, 1, tzinfo=UTC))
        words = (message(kind.code, "zh-CN"), message(kind.code, "en"))
        assert int(status) == kind.status
        assert row == (kind.code, str(body["code"]), str(kind.retryable).lower(), kind.outcome, *words)


async def test_a_body_over_11_mb_is_refused(edge: Edge) -> None:
    status, body = await edge.ask("/x", "POST", data=io.BytesIO(bytes(11_500_000)))

    assert status == 413
    answer = json.loads(body)
    assert (answer["errorCode"], answer["outcome"]) == ("payload_too_large", "not_applied")


@pytest.mark.parametrize("headers", ["", "Idempotency-Key: k\r\n"])
async def test_a_body_that_stalls_is_never_acknowledged(edge: Edge, headers: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    writer.write(f"POST /x HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 100\r\n\r\nab".encode())
    status_line = await asyncio.wait_for(reader.readline(), 15)
    writer.close()

    assert int(status_line.split()[1]) >= 400
    assert edge.seen("/x") == 0


async def test_a_body_that_is_no_chunked_one_is_the_clients_fault_and_takes_no_node_away(edge: Edge) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(6):
        with RawConnection(edge.port) as connection:
            await asyncio.to_thread(connection.send, head + b"zz\r\n{}\r\n")
            answer = await asyncio.to_thread(connection.answer)
        assert (answer.status, answer.json["errorCode"]) == (400, "malformed_request")
        assert answer.json["outcome"] == "not_applied"
        # a stranger must not be able to have the nodes taken for dead
        started = asyncio.get_running_loop().time()
        assert (await edge.ask("/y"))[0] == 200
        assert asyncio.get_running_loop().time() - started < 1
