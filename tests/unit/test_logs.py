"""Logs: whatever is logged, no secret is written."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import structlog

from shared import logs

TOKEN = jwt.encode({"sub": "1"}, "a key of more than thirty-two bytes", "HS256")
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
