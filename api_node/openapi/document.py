"""The OpenAPI 3.1 document, made from the table of routes, the models that check requests and what `operations` says.

Nothing in it is written twice: a body is the model that the handler validates with, a description is the handler's
docstring, an error is a class of `shared.errors` with its English message.
"""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from api_node.openapi import answers as shapes
from api_node.openapi.errors import ErrorAnswer, error_answers
from api_node.openapi.introduction import INTRODUCTION, TAGS
from api_node.openapi.operation import JSON, Answer, Operation, Query
from api_node.openapi.operations import OPERATIONS
from api_node.openapi.parameters import HEADERS, OF_A_VERSION, OF_A_WRITE, OF_EVERY_REQUEST, PARAMETERS, VERSION
from shared.envelopes import Door, door_of

_REF: Final = "#/components/schemas/{model}"
_ERRORS: Final[Mapping[Door, type[BaseModel]]] = {
    "/api": shapes.Error,
    "/api/v1": shapes.ErrorV1,
    "/v1": shapes.ErrorOfV1,
}
_ENVELOPES: Final[Mapping[Door, dict[str, Any]]] = {
    "/api": {"success": {"const": True}},
    "/api/v1": {"success": {"const": True}, "message": {"type": "string"}, "timestamp": {"type": "string"}},
    "/v1": {"code": {"const": 0}, "message": {"const": "success"}},
}
_FOR_ALL: Final = "open"
_BEARER: Final = "An access token of a sign-in (a JWT), or the key of an application (`con_...`)."


class Row(Protocol):
    """What is needed of a row of the table of routes."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def handler(self) -> Any: ...
    @property
    def policy(self) -> object: ...
    @property
    def people_only(self) -> bool: ...


class Undescribed(Exception):
    """The table of routes and the descriptions disagree; the message says what to add or take away."""


def document(
    table: Iterable[Row], operations: Mapping[str, Operation] = OPERATIONS, *, version: str = "1"
) -> dict[str, Any]:
    """The whole document. Raises Undescribed for a row without its operation, and the other way round."""
    rows = {f"{row.method} {row.path}": row for row in table}
    _compare(rows, operations)
    schemas = _schemas(operations.values())
    responses: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for key, row in rows.items():
        shared = {"parameters": [{"$ref": f"#/components/parameters/{name}"} for name in OF_EVERY_REQUEST]}
        paths.setdefault(row.path, shared)[row.method.lower()] = _operation(row, operations[key], responses)
    return {
        "openapi": "3.1.1",
        "info": {"title": "The Console", "version": version, "description": INTRODUCTION, "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": means} for name, means in TAGS.items()],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": _BEARER}},
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": dict(sorted(responses.items())),
            "schemas": schemas,
        },
    }


def _compare(rows: Mapping[str, Row], operations: Mapping[str, Operation]) -> None:
    said = [
        f"{key} is served but not described: add an Operation under this key to api_node/openapi/operations"
        for key in rows.keys() - operations.keys()
    ]
    said += [
        f"{key} is described but not in api_node/routes.py: take it away" for key in operations.keys() - rows.keys()
    ]
    identifiers = [operation.id for operation in operations.values()]
    said += [f"{name} names two operations" for name in {i for i in identifiers if identifiers.count(i) > 1}]
    if said:
        raise Undescribed("\n".join(sorted(said)))


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    described = list(operations)
    bodies = {operation.body for operation in described if operation.body is not None}
    shown = {answer.data for operation in described for answer in operation.answers.values()}
    # an answer is a model, or one of several
    parts = {part for data in shown for part in (data, *get_args(data))}
    models = {model for model in parts if inspect.isclass(model) and issubclass(model, BaseModel)}
    wanted = [(model, "validation") for model in bodies]
    wanted += [(model, "serialization") for model in models | set(_ERRORS.values())]
    wanted.sort(key=lambda pair: pair[0].__name__)
    _, found = models_json_schema(wanted, ref_template=_REF)  # type: ignore[arg-type]
    schemas: dict[str, Any] = _without_titles(found["$defs"])
    for operation in described:
        if operation.body is not None and operation.names_one_of:
            _make_a_change(schemas[operation.body.__name__], operation.names_one_of)
    return dict(sorted(schemas.items()))


def _make_a_change(schema: dict[str, Any], members: Iterable[str]) -> None:
    """What pydantic cannot say: at least one of these, and a default is none, since what is left out stays."""
    for member in schema["properties"].values():
        member.pop("default", None)
    schema["anyOf"] = [{"required": [name]} for name in members]


def _operation(row: Row, operation: Operation, responses: dict[str, Any]) -> dict[str, Any]:
    errors = error_answers(
        operation,
        takes_a_token=row.policy != _FOR_ALL,
        takes_an_id="{" in row.path,
        people_only=row.people_only,
    )
    door = door_of(row.path)
    found: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": _description(row, operation),
        "parameters": _parameters(row, operation),
        "responses": {str(s): _error(e, door, responses) for s, e in errors.items()},
    }
    for status, answer in operation.answers.items():
        found["responses"][str(status)] = _response(answer, door, errors.get(status))
    found["responses"] = dict(sorted(found["responses"].items()))
    if operation.body is not None:
        content = {JSON: {"schema": {"$ref": _REF.format(model=operation.body.__name__)}}}
        found["requestBody"] = {"required": operation.body_is_required, "content": content}
    found["security"] = [] if row.policy == _FOR_ALL else [{"token": []}]
    return found


def _description(row: Row, operation: Operation) -> str:
    needs = {
        "open": "Open to everybody.",
        "signed-in": "For whoever is signed in.",
    }.get(str(row.policy), f"Needs the permission `{row.policy}`.")
    if row.people_only:
        needs += " An application's key is refused."
    return "\n\n".join(part for part in (inspect.getdoc(row.handler), operation.more, needs) if part)


def _parameters(row: Row, operation: Operation) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in row.path.split("/") if part.startswith("{")]
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _schema(operation.path[name])} for name in names
    ]
    queries = operation.query + ((VERSION,) if operation.is_versioned else ())
    found += [_query(query) for query in queries]
    headers = operation.headers + (OF_A_WRITE if operation.is_write else ())
    headers += OF_A_VERSION if operation.is_versioned else ()
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in headers]


def _query(query: Query) -> dict[str, Any]:
    return {"name": query.name, "in": "query", "description": query.means, "schema": _schema(query.type)}


def _response(answer: Answer, door: Door, error: ErrorAnswer | None) -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *answer.headers)}
    found: dict[str, Any] = {"description": answer.means, "headers": headers}
    if answer.data is None:
        return found
    schema = _schema(answer.data)
    if not answer.is_bare:
        members = _ENVELOPES[door] | {"data": schema}
        schema = {"type": "object", "required": list(members), "properties": members}
    if error is not None:
        schema = {"anyOf": [schema, _error_schema(error, door)]}
    return found | {"content": {answer.content_type: {"schema": schema}}}


def _error(error: ErrorAnswer, door: Door, responses: dict[str, Any]) -> dict[str, Any]:
    """A reference to the response of these codes in this door, made at its first use."""
    name = "-".join([_ERRORS[door].__name__, *error.codes])
    if name not in responses:
        extra = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}.get(error.status)
        names = ["X-Request-Id", "Content-Language"] + ([extra] if extra else [])
        responses[name] = {
            "description": error.means,
            "headers": {header: {"$ref": f"#/components/headers/{header}"} for header in names},
            "content": {JSON: {"schema": _error_schema(error, door)}},
        }
    return {"$ref": f"#/components/responses/{name}"}


def _error_schema(error: ErrorAnswer, door: Door) -> dict[str, Any]:
    return {
        "$ref": _REF.format(model=_ERRORS[door].__name__),
        "properties": {"errorCode": {"enum": list(error.codes)}},
    }


def _schema(annotation: Any) -> dict[str, Any]:
    """A reference for a model, the schema itself for anything else."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return {"$ref": _REF.format(model=annotation.__name__)}
    found: dict[str, Any] = _without_titles(TypeAdapter(annotation).json_schema(ref_template=_REF))
    return found


def _without_titles(schema: Any) -> Any:
    """Without the titles that pydantic makes of the members' names: they say nothing more."""
    if isinstance(schema, dict):
        # a member called title is a schema, never a text
        return {
            key: _without_titles(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)
        }
    return [_without_titles(part) for part in schema] if isinstance(schema, list) else schema
