"""What the load test takes for a success, for a documented refusal and for a failure; what it calls flat."""

from typing import Any

import pytest

from loadtest.answers import Expected, judge
from loadtest.memory import Memory
from loadtest.summary import failures, markdown


def error(status: int, code: str, **more: Any) -> dict[str, Any]:
    return {"error": True, "statusCode": status, "message": "no", "errorCode": code, **more}


WRITE = Expected(frozenset({200}), version=3)
STALE_ON_PURPOSE = Expected(frozenset(), version=3)
REFRESH = Expected(frozenset({200}), one_of_two_refreshes=True)
NEWER = {"id": 1, "version": 4}


@pytest.mark.parametrize(
    ("expected", "status", "headers", "body", "kind"),
    [
        (WRITE, 200, {}, {"success": True}, "fine"),
        (WRITE, 200, {}, None, "failed"),
        (WRITE, 201, {}, {"success": True}, "failed"),
        (WRITE, 409, {}, error(409, "version_conflict", current=NEWER), "refused"),
        (WRITE, 409, {}, error(409, "version_conflict", current={"version": 3}), "failed"),
        (WRITE, 409, {}, error(409, "version_conflict"), "failed"),
        (STALE_ON_PURPOSE, 200, {}, {"success": True}, "failed"),
        (STALE_ON_PURPOSE, 409, {}, error(409, "version_conflict", current=NEWER), "refused"),
        (Expected(frozenset({200})), 409, {}, error(409, "version_conflict", current=NEWER), "failed"),
        (Expected(frozenset({200})), 404, {}, error(404, "not_found"), "failed"),
        (Expected(frozenset({200}), is_deleted=True), 404, {}, error(404, "not_found"), "refused"),
        (WRITE, 429, {"retry-after": "5"}, error(429, "too_many_attempts"), "refused"),
        (WRITE, 429, {}, error(429, "too_many_attempts"), "failed"),
        (WRITE, 429, {"retry-after": "5"}, "<html>", "failed"),
        (REFRESH, 401, {}, error(401, "token_superseded"), "refused"),
        (WRITE, 401, {}, error(401, "token_superseded"), "failed"),
        (REFRESH, 401, {}, error(401, "token_reused"), "failed"),
        (WRITE, 503, {"retry-after": "1"}, error(503, "unavailable"), "failed"),
        (WRITE, 502, {}, error(502, "bad_gateway"), "failed"),
        (WRITE, 0, {}, None, "failed"),
    ],
)
def test_only_what_is_documented_is_no_failure(
    expected: Expected, status: int, headers: dict[str, str], body: Any, kind: str
) -> None:
    assert judge(status, headers, body, expected).kind == kind


@pytest.mark.parametrize(
    ("series", "is_flat"),
    [
        ([50.0] * 40, True),
        ([50.0] * 10 + [100.0] * 10 + [101.0] * 20, True),
        ([100.0 + step for step in range(40)], False),
        ([20.0 + step / 10 for step in range(40)], True),
        ([400.0 + step for step in range(40)], True),
    ],
    ids=["constant", "warmed up", "growing", "small and hardly growing", "large and hardly growing"],
)
def test_memory_is_flat_unless_the_last_quarter_is_well_above_the_second(series: list[float], is_flat: bool) -> None:
    assert Memory({"queue": series}).held()["queue"].is_flat is is_flat


def test_too_few_samples_say_nothing() -> None:
    assert Memory({"queue": [1.0, 2.0, 3.0]}).held() == {}


def test_the_summary_tells_refusals_from_failures() -> None:
    row = {
        "request": "PATCH /x",
        "count": 1200,
        "perSecond": 20.0,
        "p50Ms": 5,
        "p95Ms": 9,
        "p99Ms": None,
        "maxMs": 30.0,
    }
    outcome = {
        "total": row | {"failures": 2},
        "requests": [row | {"failures": 2}],
        "refusals": [{"request": "PATCH /x", "code": "version_conflict", "count": 7}],
        "errors": [{"request": "PATCH /x", "error": "502 bad_gateway", "count": 2}],
    }
    text = markdown(outcome, {"people": "4"}, Memory({"queue": [10.0] * 10 + [90.0] * 10}).held())
    assert failures(outcome) == 2
    assert "| PATCH /x | 1,200 | 20.0 | 5 | 9 | 0 | 30 | 2 |" in text
    assert "| PATCH /x | `version_conflict` | 7 |" in text
    assert "| PATCH /x | 502 bad_gateway | 2 |" in text
    assert "| queue | 10 | 90 | 90 | GROWING |" in text
