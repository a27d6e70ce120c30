"""The OpenAPI document: it is OpenAPI 3.1, it has every route that is served and no other, and what it says is true.

That every answer is as documented is held by `tests.support.documented`, on every answer of every contract test.
"""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from multidict import CIMultiDict

from api_node.openapi.document import Undescribed, document
from api_node.openapi.operations import OPERATIONS
from api_node.routes import TABLE
from shared.errors import every_error
from tests.contract.conftest import Board
from tests.support import documented
from tests.support.api import Api

DOCUMENT = document(TABLE)


async def test_a_node_serves_the_document_to_everybody(board: Board) -> None:
    answer = await board.stranger.get("/api/openapi.json")
    assert answer.body == json.loads(json.dumps(DOCUMENT))
    assert answer.body["openapi"].startswith("3.1.")


def test_it_has_every_route_and_no_other() -> None:
    described = {
        (method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item if method != "parameters"
    }
    assert described == {(entry.method, entry.path) for entry in TABLE}


def test_a_route_without_a_description_and_a_description_without_a_route_are_named() -> None:
    lacking = {key: value for key, value in OPERATIONS.items() if key != "GET /api/tasks"}
    with pytest.raises(Undescribed, match=r"GET /api/tasks is served but not described: add an Operation"):
        document(TABLE, lacking)
    with pytest.raises(Undescribed, match=r"GET /api/tasks is described but not in api_node/routes.py"):
        document([entry for entry in TABLE if (entry.method, entry.path) != ("GET", "/api/tasks")])


def test_an_identifier_names_one_operation() -> None:
    twice = {**OPERATIONS, "GET /livez": OPERATIONS["GET /readyz"]}
    with pytest.raises(Undescribed, match="getReadiness names two operations"):
        document(TABLE, twice)


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    for reference in _values(DOCUMENT, "$ref"):
        found: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
    for schema in [*DOCUMENT["components"]["schemas"].values(), *_values(DOCUMENT, "schema")]:
        Draft202012Validator.check_schema(schema)


def test_every_error_code_is_documented_somewhere() -> None:
    documented_codes = {code for part in _values(DOCUMENT, "errorCode") for code in part.get("enum", [])}
    of_the_edge = {"bad_gateway", "gateway_timeout"}
    of_no_operation = {"method_not_allowed"}
    assert documented_codes == (every_error().keys() - of_no_operation) | of_the_edge


def test_who_needs_a_token_is_told() -> None:
    for entry in TABLE:
        operation = DOCUMENT["paths"][entry.path][entry.method.lower()]
        assert operation["security"] == ([] if entry.policy == "open" else [{"token": []}])
        assert "401" in operation["responses"] or entry.policy == "open"


def test_a_read_only_member_is_in_no_request() -> None:
    bodies = {
        schema["$ref"].rsplit("/", 1)[1]
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "requestBody" in operation
        for schema in [operation["requestBody"]["content"]["application/json"]["schema"]]
    }
    for name in bodies:
        schema = DOCUMENT["components"]["schemas"][name]
        assert schema["additionalProperties"] is False, name
        given_by_us = {"createdAt", "updatedAt", "createdByUserId"} | (set() if name == "NewUnit" else {"id"})
        assert not given_by_us & schema["properties"].keys(), name  # a unit names itself


@pytest.mark.parametrize(
    ("status", "body", "lie"),
    [
        (200, {"success": True, "data": {"user": {"id": 1}}}, "is a required property"),
        (200, {"error": True}, "'success' is a required property"),
        (418, {}, "418 is not documented"),
        (409, {}, "409 is not documented"),
    ],
)
def test_an_answer_that_is_not_as_documented_is_noticed(status: int, body: Any, lie: str) -> None:
    headers = {"Content-Type": "application/json", "X-Request-Id": "1"}
    with pytest.raises(AssertionError, match=lie):
        documented.check("GET", "/api/auth/me", status, headers, json.dumps(body).encode())


async def test_a_member_a_header_and_a_path_that_are_not_documented_are_noticed(board: Board) -> None:
    path = f"/api/tasks/{(await board.admin.new_task())['id']}"
    answer = await board.admin.get(path)
    documented.check("GET", path, 200, answer.headers, answer.raw)
    more = json.dumps({**answer.body, "data": {**answer.data, "color": "red"}}).encode()
    with pytest.raises(AssertionError, match="color"):
        documented.check("GET", path, 200, answer.headers, more)
    untagged = CIMultiDict(answer.headers)
    del untagged["ETag"]
    with pytest.raises(AssertionError, match="lacks the header ETag"):
        documented.check("GET", path, 200, untagged, answer.raw)
    with pytest.raises(AssertionError, match="served but not in the document"):
        documented.check("GET", "/api/secret", 200, answer.headers, answer.raw)


async def test_the_answers_of_these_tests_are_checked(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, int]] = []
    monkeypatch.setattr(documented, "check", lambda method, path, status, *_: seen.append((method, path, status)))
    await Api(board.other.http).get("/api/tasks?page=1")
    assert seen == [("GET", "/api/tasks", 401)]


def _values(part: Any, name: str) -> list[Any]:
    """The value of every member of this name, however deep."""
    if isinstance(part, dict):
        own = [part[name]] if name in part else []
        return own + [found for value in part.values() for found in _values(value, name)]
    return [found for each in part for found in _values(each, name)] if isinstance(part, list) else []
