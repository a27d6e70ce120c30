"""Every route that takes a body, told by the OpenAPI document, so that a new one is tried without a line here: whatever
is wrong with a body is a documented 4xx that names it, and nothing happens."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api_node.openapi.document import document
from api_node.openapi.example import request_example
from api_node.routes import TABLE
from shared.commands import MAX_FAULTS
from tests.contract.conftest import Board
from tests.contract.test_bad_input import MALFORMED
from tests.support.api import Answer, Api

DOCUMENT = document(TABLE)
SCHEMAS = DOCUMENT["components"]["schemas"]
WRITES = [
    pytest.param(method.upper(), path, operation, id=operation["operationId"])
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters" and "requestBody" in operation
]
EVERY_WRITE = pytest.mark.parametrize(("method", "path", "operation"), WRITES)
VALUES: list[Any] = [None, True, -1, 0, 1.5, 2**53 - 1, "", " ", "\x01<script>", "x" * 100_000, [], ["x"], {}, {"a": 1}]
READ_ONLY = {"id": 1, "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": None, "deletedAt": None, "__proto__": {}}


def _schema(operation: Any) -> Any:
    (content,) = operation["requestBody"]["content"].values()
    return SCHEMAS[content["schema"]["$ref"].rsplit("/", 1)[1]]


class Door:
    """One route, asked by somebody who may, about a task or an account that is there."""

    def __init__(self, asking: Api, method: str, path: str, target: int = 0) -> None:
        self._asking, self._method = asking, method
        self._path = path.replace("{id}", str(target))

    async def ask(
        self, body: Any = None, *, raw: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return await self._asking(self._method, self._path, body, raw=raw, headers=headers)


@pytest.fixture
async def door(board: Board, method: str, path: str) -> Door:
    if "/users/" in path and method == "PATCH":
        # a person of their own: only they may change a password
        me, own = await board.employee()
        return Door(own, method, path, me)
    return Door(board.admin, method, path, (await board.admin.new_task())["id"])


@EVERY_WRITE
async def test_what_is_no_json_is_malformed_at_every_door(door: Door, operation: Any) -> None:
    for name, raw in MALFORMED.items():
        if raw == b"":
            continue  # a body may be left out here and there
        answer = await door.ask(raw=raw)
        assert (answer.status, answer.body["errorCode"]) == (400, "malformed_request"), name
        assert answer.body["detail"], name


@EVERY_WRITE
async def test_another_content_type_is_refused_at_every_door(door: Door, operation: Any) -> None:
    for label in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/xml"):
        answer = await door.ask(raw=b"{}", headers={"Content-Type": label})
        assert (answer.status, answer.body["errorCode"]) == (415, "unsupported_media_type"), label


@EVERY_WRITE
async def test_a_body_that_is_too_large_is_refused_at_every_door(door: Door, path: str, operation: Any) -> None:
    most = 10 << 20 if path.endswith("/batch") else 1 << 20
    answer = await door.ask(raw=b'{"title": "' + b"x" * most + b'"}')
    assert (answer.status, answer.body["errorCode"]) == (413, "payload_too_large")


@EVERY_WRITE
async def test_what_is_no_object_is_refused_at_every_door(door: Door, operation: Any) -> None:
    for raw in (b"[]", b'"x"', b"5", b"true", b"null", b"[{}]"):
        answer = await door.ask(raw=raw)
        assert (answer.status, answer.fields_at_fault) == (422, ["body"]), raw


@EVERY_WRITE
async def test_unknown_and_read_only_members_are_named_at_every_door(door: Door, operation: Any) -> None:
    good = request_example(_schema(operation), SCHEMAS)
    for name, value in {**READ_ONLY, "color": "red", "": 1, "x" * 300: 1}.items():
        answer = await door.ask({**good, name: value})
        assert (answer.status, answer.fields_at_fault) == (422, [name[:100] or "body"]), name[:20]


@EVERY_WRITE
async def test_ten_thousand_wrong_members_are_not_all_told(door: Door, operation: Any) -> None:
    answer = await door.ask({f"unknown{i}": i for i in range(10_000)})
    assert (answer.status, len(answer.fields_at_fault)) == (422, MAX_FAULTS)
    assert len(answer.raw) < 10_000


@EVERY_WRITE
async def test_a_value_that_the_document_does_not_allow_is_named_at_every_door(door: Door, operation: Any) -> None:
    schema = _schema(operation)
    good = request_example(schema, SCHEMAS)
    tried = 0
    for name, member in schema["properties"].items():
        allowed = Draft202012Validator(member | {"components": DOCUMENT["components"]})
        for value in VALUES:
            if not allowed.is_valid(value):
                tried += 1
                answer = await door.ask({**good, name: value})
                assert (answer.status, {f.partition(".")[0] for f in answer.fields_at_fault}) == (422, {name}), (
                    name,
                    value,
                )
                assert "<script>" not in json.dumps(answer.body["errors"])
    assert tried > len(schema["properties"])


@EVERY_WRITE
async def test_a_missing_member_is_named_at_every_door(door: Door, operation: Any) -> None:
    schema = _schema(operation)
    good = request_example(schema, SCHEMAS)
    for name in schema.get("required", []):
        answer = await door.ask({key: value for key, value in good.items() if key != name})
        assert (answer.status, answer.fields_at_fault) == (422, [name]), name


@EVERY_WRITE
async def test_a_wrong_header_is_refused_at_every_door_that_reads_it(door: Door, operation: Any) -> None:
    read = {p["$ref"].rsplit("/", 1)[1] for p in operation["parameters"] if "$ref" in p}
    good = request_example(_schema(operation), SCHEMAS)
    if "If-Match" in read:
        for tag in ("v1", '"1"', 'W/"v1"', '"v1", "v2"', '"v99999999999"', "x" * 5_000):
            answer = await door.ask(good, headers={"If-Match": tag})
            assert (answer.status, answer.body["errorCode"]) == (412, "precondition_failed"), tag[:20]
    if "Idempotency-Key" in read and operation["security"]:
        for key in ("", "a b", "x" * 256, "é"):
            answer = await door.ask(good, headers={"Idempotency-Key": key})
            assert (answer.status, answer.fields_at_fault) == (422, ["Idempotency-Key"]), key[:20]
