"""The document as one page of HTML: no script, no other host, an anchor for each operation and each shape.

ADR 0014 says why it is written here and not bought.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

from api_node.openapi.example import curl, example, resolved
from api_node.openapi.words import code, inline, kind, members, prose, table

_STYLE: Final = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The one style sheet of the page is all that a browser may apply to it."""

Operation = Mapping[str, Any]


def page(document: Mapping[str, Any]) -> str:
    """A whole page for an OpenAPI 3.1 document of ours."""
    title = escape(document["info"]["title"])
    by_tag = {tag["name"]: list(_operations(document, tag["name"])) for tag in document["tags"]}
    sections = "".join(_section(tag, by_tag[tag["name"]], document) for tag in document["tags"])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: API</title>
<style>{_STYLE}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<nav aria-label="Operations">{_contents(by_tag)}</nav>
<main id="content">
<h1>{title}: API</h1>
<p><a href="/api/openapi.json">OpenAPI {escape(document["openapi"])} document</a></p>
{prose(document["info"]["description"])}
{sections}
{_shapes(document)}
</main>
</body>
</html>
"""


def _operations(document: Mapping[str, Any], tag: str) -> Iterator[tuple[str, str, Operation]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters" and tag in operation["tags"]:
                yield method.upper(), path, operation


def _contents(by_tag: Mapping[str, list[tuple[str, str, Operation]]]) -> str:
    parts = []
    for tag, operations in by_tag.items():
        links = "".join(
            f'<li><a href="#{escape(operation["operationId"])}"><span class="method">{method}</span> '
            f"{escape(path)}</a></li>"
            for method, path, operation in operations
        )
        parts.append(f"<h2>{escape(tag)}</h2><ul>{links}</ul>")
    return "".join(parts) + '<h2>Shapes</h2><ul><li><a href="#shapes">All shapes</a></li></ul>'


def _section(tag: Mapping[str, str], operations: list[tuple[str, str, Operation]], document: Mapping[str, Any]) -> str:
    if not operations:
        return ""
    articles = "".join(_article(*operation, document) for operation in operations)
    return f"<section><h2>{escape(tag['name'])}</h2>{prose(tag['description'])}{articles}</section>"


def _article(method: str, path: str, operation: Operation, document: Mapping[str, Any]) -> str:
    schemas = document["components"]["schemas"]
    identifier = escape(operation["operationId"])
    call = escape(curl(method, path, operation, schemas))
    return (
        f'<article id="{identifier}" aria-labelledby="{identifier}-name">'
        f'<h3 id="{identifier}-name"><span class="method">{method}</span> '
        f'<span class="path">{escape(path)}</span></h3>'
        f"<p><strong>{inline(operation['summary'])}.</strong> "
        f'<a class="soft" href="#{identifier}">{identifier}</a></p>'
        f"{prose(operation['description'])}"
        f"{_parameters(operation, document)}{_body(operation, schemas)}"
        f"<pre><code>{call}</code></pre>"
        f"{_answers(operation, document)}</article>"
    )


def _parameters(operation: Operation, document: Mapping[str, Any]) -> str:
    known = document["components"]["parameters"]
    found = [resolved(parameter, known) for parameter in operation["parameters"]]
    rows = [(code(p["name"]), escape(p["in"]), kind(p["schema"]), inline(p.get("description", ""))) for p in found]
    return table("Parameters", ("Name", "In", "Type", "Meaning"), rows)


def _body(operation: Operation, schemas: Mapping[str, Any]) -> str:
    if "requestBody" not in operation:
        return ""
    (content,) = operation["requestBody"]["content"].values()
    optional = "" if operation["requestBody"]["required"] else ", which may be left out"
    return members(f"Body{optional}", resolved(content["schema"], schemas))


def _answers(operation: Operation, document: Mapping[str, Any]) -> str:
    responses = document["components"]["responses"]
    errors, shown = [], ""
    for status, given in operation["responses"].items():
        response = resolved(given, responses)
        if int(status) >= 400:
            errors.append((code(status), inline(response["description"])))
        else:
            shown += f"<h4>{code(status)} {inline(response['description'])}</h4>{_content(response, document)}"
    return f"{shown}<details><summary>Errors</summary>{table('Errors', ('Status', 'Meaning'), errors)}</details>"


def _content(response: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    content = response.get("content", {}).get("application/json")
    if content is None or "properties" not in _unwrapped(content["schema"], document):
        return ""
    value = json.dumps(example(content["schema"], document["components"]["schemas"]), indent=2, ensure_ascii=False)
    return f"<pre><code>{escape(value)}</code></pre>"


def _unwrapped(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    return resolved(schema.get("anyOf", [schema])[0], document["components"]["schemas"])


def _shapes(document: Mapping[str, Any]) -> str:
    parts = [
        f'<article id="schema-{escape(name)}"><h3>{escape(name)}</h3>{prose(schema.get("description", ""))}'
        f"{members('Members', schema)}</article>"
        for name, schema in document["components"]["schemas"].items()
    ]
    return f'<section id="shapes"><h2>Shapes</h2>{"".join(parts)}</section>'
