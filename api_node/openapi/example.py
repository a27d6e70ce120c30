"""A value that fits a schema, and the call that sends it: for a reader to copy."""

import json
import shlex
from collections.abc import Mapping
from typing import Any, Final

_TEXTS: Final = {
    "title": "Write the report",
    "category": "docs",
    "tag": "urgent",
    "description": "Two pages",
    "email": "ada@example.com",
    "password": "correct horse battery",
    "message": "...",
}


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "") -> Any:
    """Some value of a schema; `name` is the member that it is for. What holds more of its own kind shows none."""
    schema = resolved(schema, schemas)
    for chosen in (schema.get("examples", []), [schema["const"]] if "const" in schema else [], schema.get("enum", [])):
        if chosen:
            return chosen[0]
    if "properties" in schema:
        return {key: example(value, schemas, key) for key, value in schema["properties"].items()}
    if "anyOf" in schema:
        return example(schema["anyOf"][0], schemas, name)
    if schema.get("type") == "array":
        return [] if name == "children" else [example(schema["items"], schemas, name)]
    if schema.get("type") in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    return {"boolean": False, "null": None, "object": {}}.get(schema.get("type", ""), _TEXTS.get(name, "..."))


def request_example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A body short enough to read: what is required, and of a change the first member that it may name."""
    schema = resolved(schema, schemas)
    wanted = set(schema.get("required", []))
    wanted |= set(schema.get("anyOf", [{}])[0].get("required", []))
    return {key: example(schema["properties"][key], schemas, key) for key in schema["properties"] if key in wanted}


def resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema a reference leads to; any other one as it is."""
    return schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def curl(method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """The call as a command of a shell in which URL and TOKEN are set."""
    parts = ["curl" if method == "GET" else f"curl -X {method}", f'"$URL{path.replace("{id}", "1")}"']
    if operation["security"]:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        body = json.dumps(request_example(content["schema"], schemas), ensure_ascii=False)
        parts += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
    return " \\\n  ".join(parts)
