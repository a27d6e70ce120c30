"""What every answer tells a browser: run nothing, frame nothing, guess nothing, keep nothing."""

import pytest

from tests.contract.conftest import Board
from tests.support.api import Answer, Api
from tests.support.raw_http import RawConnection

NOTHING_MAY_RUN = "default-src 'none'; frame-ancestors 'none'"


def _check(answer: Answer) -> None:
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Content-Security-Policy"] == NOTHING_MAY_RUN
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in answer.headers  # there is no TLS here to insist on
    assert "Server" not in answer.headers


async def test_every_kind_of_answer_has_the_security_headers_once(board: Board) -> None:
    task = await board.admin.new_task()
    path = f"/api/tasks/{task['id']}"
    answers = [
        await board.admin.get("/api/tasks"),
        await board.admin.get(path),
        await board.admin.get(path, If_None_Match='"v1"'),
        await board.admin("HEAD", path),
        await board.admin.post("/api/tasks", {"title": "x"}),
        await board.admin.post("/api/tasks", {}),
        await board.admin.patch(path, {"title": "x"}, If_Match='"v7"'),
        await board.stranger.get("/api/tasks"),
        await board.stranger.get("/api/nothing"),
        await board.stranger("PUT", "/api/tasks"),
        await board.stranger("POST", "/api/auth/login", raw=b" " * 2_000_000),
        await board.stranger.get("/api/health"),
        await board.stranger.get("/metrics"),
        await board.stranger.get("/api/v1/health"),
    ]
    assert {answer.status for answer in answers} == {200, 201, 304, 401, 404, 405, 412, 413, 422}
    for answer in answers:
        _check(answer)
        names = [name.lower() for name in answer.headers]
        assert len(names) == len(set(names)), names


async def test_the_queue_services_answers_have_them_too(queue_door: Api) -> None:
    for path in ("/api/health", "/api/queue/status"):
        _check(await queue_door.get(path))


async def test_an_answer_that_no_app_gave_has_them_too(board: Board) -> None:
    with RawConnection(board.cluster.nodes[0].port) as connection:
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        answer = connection.answer()
    _check(Answer(answer.status, {name.title(): value for name, value in answer.headers.items()}, answer.body))


@pytest.mark.parametrize("path", ["/api/docs", "/api-docs"])
async def test_the_page_may_be_styled_and_nothing_else(board: Board, path: str) -> None:
    answer = await board.stranger.get(path)
    assert answer.status == 200
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy.keys() == {"default-src", "style-src", "base-uri", "form-action", "frame-ancestors"}
    assert policy["style-src"].startswith("'sha256-")
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
