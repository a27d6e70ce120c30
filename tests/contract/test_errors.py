"""Every error there is, in every door's envelope and every language."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from shared.envelopes import Door, failure
from shared.errors import ConsoleError, FieldError, Internal, OutcomeUnknown, Unavailable, every_error
from shared.jsonio import dumps, loads
from shared.messages import MESSAGES, Language, message
from shared.wire import error_from_wire, error_to_wire

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = sorted(every_error().values(), key=lambda kind: kind.code)
COMMON = {"message", "errorCode", "requestId", "retryable", "outcome"}
MEMBERS: dict[Door, set[str]] = {
    "/api": COMMON | {"error", "statusCode"},
    "/api/v1": COMMON | {"success", "data", "timestamp"},
    "/v1": COMMON | {"code", "data"},
}
V1_CODES = {400: 4001, 401: 4003, 403: 4003, 404: 4004, 405: 4001, 408: 4001, 409: 4001, 412: 4001, 413: 4001}
V1_CODES |= {415: 4001, 422: 4001, 426: 4001, 429: 5000, 431: 4001, 500: 5000, 503: 5000}


def _body(error: ConsoleError, door: Door, language: Language = "en") -> dict[str, Any]:
    return failure(error, door=door, language=language, request_id="r", now=NOW)


def _classes(root: type[ConsoleError]) -> list[type[ConsoleError]]:
    return [root, *(below for child in root.__subclasses__() for below in _classes(child))]


def test_no_two_classes_share_a_code() -> None:
    codes = [kind.code for kind in _classes(ConsoleError) if kind is not ConsoleError]
    assert len(codes) == len(set(codes)) == len(EVERY)


def test_every_code_has_words_in_every_language_and_no_words_are_left_over() -> None:
    assert {kind.code for kind in EVERY} == MESSAGES.keys()
    for language in get_args(Language):
        said = {kind.code: message(kind.code, language) for kind in EVERY}
        assert all(said.values())
    assert all("一" <= words[0][0] <= "鿿" or words[0][0].isascii() for words in MESSAGES.values())
    assert all(words[1].isascii() for words in MESSAGES.values())


@pytest.mark.parametrize("door", get_args(Door))
@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.code)
def test_every_error_has_exactly_the_documented_members_in_every_door(kind: type[ConsoleError], door: Door) -> None:
    body = _body(kind(), door)
    assert body.keys() == MEMBERS[door]
    assert (body["errorCode"], body["requestId"]) == (kind.code, "r")
    assert (body["retryable"], body["outcome"]) == (kind.retryable, kind.outcome)
    assert body["message"] == message(kind.code, "en")
    if door == "/api":
        assert (body["error"], body["statusCode"]) == (True, kind.status)
    elif door == "/api/v1":
        assert (body["success"], body["data"], body["timestamp"]) == (False, None, "2026-01-01T00:00:00.000Z")
    else:
        assert (body["code"], body["data"]) == (V1_CODES[kind.status], None)


def test_fields_and_extra_are_added_only_where_there_are_some() -> None:
    body = _body(Internal("why", errors=[FieldError("title", "is long")], extra={"current": {"id": 1}}), "/api")
    assert body["errors"] == [{"field": "title", "message": "is long"}]
    assert body["current"] == {"id": 1}
    assert body["detail"] == "why"
    assert body.keys() == MEMBERS["/api"] | {"errors", "current", "detail"}


def test_only_passing_trouble_is_retryable_and_only_one_outcome_is_unknown() -> None:
    assert {kind.status for kind in EVERY if kind.retryable} == {408, 429, 503}
    assert [kind for kind in EVERY if kind.outcome != "not_applied"] == [OutcomeUnknown]
    assert all(kind().retry_after_s for kind in EVERY if issubclass(kind, Unavailable))


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.code)
def test_an_error_is_the_same_on_the_other_side_of_the_internal_door(kind: type[ConsoleError]) -> None:
    sent = kind("why", errors=[FieldError("a.b", "no")], extra={"current": {"version": 2}}, retry_after_s=7)
    got = error_from_wire(loads(dumps(error_to_wire(sent))))
    assert type(got) is kind
    assert (got.detail, got.errors, got.extra, got.retry_after_s) == ("why", sent.errors, sent.extra, 7)
    bare = error_from_wire(loads(dumps(error_to_wire(kind()))))
    assert error_to_wire(bare) == error_to_wire(kind())


def test_a_code_from_a_newer_version_is_our_fault_not_a_crash() -> None:
    assert type(error_from_wire({"code": "invented_tomorrow"})) is Internal
