"""Logs: whatever is logged, no secret is written."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
import structlog

from shared import logs

TOKEN = jwt.encode({"sub": "1"}, "a key of more than thirty-two bytes", "HS256")
KEY = f"con_12_{'k3Y' * 14}x"
ARGON = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaGhhc2hoYXNo"


@pytest.fixture(autouse=True)
def _configured() -> Iterator[None]:
    logs.configure("test", level="info", as_json=True)
    structlog.configure(**structlog.get_config() | {"cache_logger_on_first_use": False})
    yield
    structlog.contextvars.clear_contextvars()


def _written(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(capsys.readouterr().out)
    return line


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("mysql://root:root_password@db:3306/x", "root_password"),
        ("cannot reach mysql+aiomysql://u:p@ss@db/x", "ss@"),
        (f"token {TOKEN}!", TOKEN),
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        ("bearer opaque-token-of-somebody", "opaque-token-of-somebody"),
        (f"stored {ARGON}", "aGFzaGhhc2hoYXNo"),
        (f"called with {KEY}", KEY[8:]),
        ({"url": f"https://example.com/?k={KEY}&x=1"}, KEY[8:]),
        ([{"deep": f"x {ARGON}"}], "aGFzaGhhc2hoYXNo"),
        ((f"{TOKEN}",), TOKEN),
        (ValueError(f"bad value {ARGON}"), "aGFzaGhhc2hoYXNo"),
        (b"Bearer opaque-token-of-somebody", "opaque-token-of-somebody"),
        ({"a", f"Bearer {TOKEN}"}, TOKEN),
    ],
)
def test_a_secret_inside_any_value_is_masked(said: Any, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("something", detail=said)
    written = capsys.readouterr().out
    assert secret not in written
    assert "***" in written


@pytest.mark.parametrize(
    "name",
    ["password", "passwordHash", "jwt_secret", "refreshToken", "Authorization", "Set-Cookie", "api_key", "apiKey"],
)
def test_a_value_under_a_telling_name_is_masked_whole_at_any_depth(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.get_logger().info("something", **{name: "plain"}, data={"inner": [{name: "plain"}]})
    written = _written(capsys)
    assert written[name] == "***"
    assert written["data"] == {"inner": [{name: "***"}]}


def test_the_message_itself_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info(f"got Bearer {TOKEN}")
    assert _written(capsys)["event"] == "got Bearer ***"


def test_a_traceback_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise RuntimeError(f"connect to mysql://root:hunter2@db failed, had {TOKEN}")
    except RuntimeError:
        structlog.get_logger().exception("it_broke")
    written = _written(capsys)
    assert "RuntimeError" in written["exception"]
    assert "hunter2" not in written["exception"]
    assert TOKEN not in written["exception"]


def test_a_librarys_lines_go_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("some.library").warning("connecting to %s", "mysql://root:hunter2@db")
    logging.getLogger("some.library").info("too much detail")
    written = _written(capsys)
    assert written["event"] == "connecting to mysql://***@db"
    assert (written["logger"], written["process"]) == ("some.library", "test")


def test_what_is_no_secret_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("plain", url="http://127.0.0.1:4000/api?a@b", count=3, ms=1.5, ok=True, none=None)
    written = _written(capsys)
    assert written["url"] == "http://127.0.0.1:4000/api?a@b"
    assert [written[name] for name in ("count", "ms", "ok", "none")] == [3, 1.5, True, None]


def test_a_line_break_from_outside_starts_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("request", path='/x\n{"event": "forged"}')
    assert capsys.readouterr().out.count("\n") == 1


def _filed(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"api-3000.{kind}.log").read_text().splitlines()]


@pytest.mark.parametrize("as_json", [True, False])
def test_files_have_the_same_lines_as_json_masked_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    with _in_files(tmp_path, as_json=as_json):
        with structlog.contextvars.bound_contextvars(request_id="mine-1"):
            structlog.get_logger("access").info("request", path=f"/x?token={TOKEN}", cookie="plain")
            structlog.get_logger("other").error("it_broke", detail=f"Bearer {TOKEN}")
        logging.getLogger("some.library").warning("connecting to %s", "mysql://root:hunter2@db")
    out = capsys.readouterr().out

    (request,) = _filed(tmp_path, "access")
    assert (request["request_id"], request["cookie"], request["path"]) == ("mine-1", "***", "/x?token=***")
    broke, library = _filed(tmp_path, "app")
    assert _filed(tmp_path, "error") == [broke]
    assert (broke["detail"], broke["level"], broke["process"]) == ("Bearer ***", "error", "api:3000")
    assert library["event"] == "connecting to mysql://***@db"
    if as_json:
        assert [json.loads(line) for line in out.splitlines()] == [request, broke, library]
    else:
        assert out.count("\n") == 3
        assert "mine-1" in out


def test_last_words_are_in_the_files_before_the_process_ends(tmp_path: Path) -> None:
    with _in_files(tmp_path):
        structlog.get_logger().critical("deposed")
        assert [line["event"] for line in _filed(tmp_path, "error")] == ["deposed"]


@pytest.mark.parametrize("odd", ["half a character: \ud800", 1 << 70, {1: {"\udfff": "x"}}])
def test_what_is_no_json_is_written_all_the_same(capsys: pytest.CaptureFixture[str], odd: Any) -> None:
    structlog.get_logger().info("something", detail=odd)
    assert _written(capsys)["event"] == "something"


@contextmanager
def _in_files(folder: Path, *, as_json: bool = True) -> Iterator[None]:
    files = logs.configure("api:3000", level="info", as_json=as_json, folder=folder)
    structlog.configure(**structlog.get_config() | {"cache_logger_on_first_use": False})
    assert files is not None
    yield
    files.close()
