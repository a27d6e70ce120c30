"""Every answer a test reads, held against the OpenAPI document: what it does not say, and what it says wrongly, fails.

`aiohttp.ClientSession(..., response_class=DocumentedResponse)` is all it takes. It is stricter than the document is
towards clients: a member that is not described counts as a lie, too.
"""

import json
import re
from copy import deepcopy
from functools import cache
from typing import Any

import aiohttp
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from api_node.openapi.document import document
from api_node.routes import TABLE
from shared.envelopes import door_of

_AT: str = "urn:the-document"


class DocumentedResponse(aiohttp.ClientResponse):
    """An answer of a node that is checked when it is read."""

    async def read(self) -> bytes:
        raw = await super().read()
        check(self.method, self.url.path, self.status, self.headers, raw)
        return raw


def check(method: str, path: str, status: int, headers: Any, raw: bytes) -> None:
    """Raise AssertionError unless the document says that this request may be answered so."""
    asked = f"{method} {path} -> {status}"
    template = _template_of(path)
    operations = _document()["paths"].get(template, {})
    operation = operations.get("get" if method == "HEAD" else method.lower())
    if operation is None:
        assert status in ((400, 405) if template else (400, 404)), f"{asked}: served but not in the document"
        _check_schema({"$ref": f"{_AT}#/components/schemas/{_error_of(path)}"}, raw, method, asked)
        return
    response = _resolved(operation["responses"].get(str(status)))
    assert response is not None, f"{asked} is not documented for {operation['operationId']}: {raw[:300]!r}"
    for name, header in response.get("headers", {}).items():
        described = _resolved(header)
        assert name in headers or not described.get("required"), f"{asked} lacks the header {name}"
        if name in headers:
            _validator(json.dumps(described["schema"])).validate(headers[name])
    for content_type, media in response.get("content", {"": {}}).items():
        assert headers.get("Content-Type", "") == content_type, f"{asked} is {headers.get('Content-Type')}"
        if content_type == "application/json":
            _check_schema(media["schema"], raw, method, asked)


def _check_schema(schema: dict[str, Any], raw: bytes, method: str, asked: str) -> None:
    if method == "HEAD":
        assert raw == b"", asked
        return
    body = json.loads(raw)
    problems = [f"{e.json_path}: {e.message}" for e in _validator(json.dumps(schema)).iter_errors(body)]
    assert not problems, f"{asked} is not as documented: {'; '.join(problems)}\n{raw[:500]!r}"


@cache
def _document() -> dict[str, Any]:
    """The document, closed to members that are not described."""
    strict: dict[str, Any] = _absolute(deepcopy(document(TABLE)))
    for schema in strict["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return strict


def _absolute(part: Any) -> Any:
    """With references that hold wherever a part of it is used."""
    if isinstance(part, dict):
        return {
            key: f"{_AT}{value}" if key == "$ref" and value.startswith("#") else _absolute(value)
            for key, value in part.items()
        }
    return [_absolute(each) for each in part] if isinstance(part, list) else part


def _resolved(part: Any) -> Any:
    while part is not None and "$ref" in part:
        found: Any = _document()
        for name in part["$ref"].removeprefix(f"{_AT}#/").split("/"):
            found = found[name]
        part = found
    return part


@cache
def _validator(schema: str) -> Draft202012Validator:
    resource = DRAFT202012.create_resource(_document())
    registry: Registry[Any] = Registry()
    return Draft202012Validator(json.loads(schema), registry=registry.with_resource(_AT, resource))


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    paths = sorted(_document()["paths"], key=lambda path: "{" in path)
    return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), path) for path in paths]


def _template_of(path: str) -> str | None:
    return next((template for pattern, template in _templates() if pattern.fullmatch(path)), None)


def _error_of(path: str) -> str:
    return {"/api": "Error", "/api/v1": "ErrorV1", "/v1": "ErrorOfV1"}[door_of(path)]
