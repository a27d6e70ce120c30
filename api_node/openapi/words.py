"""Text and schemas in HTML: everything that comes from the document is escaped here."""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

_INLINE: Final = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")
_BOUNDS: Final = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "below {}"),
    ("minLength", "{} characters or more"),
    ("maxLength", "{} characters at most"),
    ("pattern", "<code>{}</code>"),
)


def prose(text: str) -> str:
    """Paragraphs of text with `code` and **bold** in it."""
    return "".join(f"<p>{inline(part)}</p>" for part in text.strip().split("\n\n") if part.strip())


def inline(text: str) -> str:
    """One line of such text."""
    return _INLINE.sub(lambda m: f"<code>{m[1]}</code>" if m[1] else f"<strong>{m[2]}</strong>", escape(text.strip()))


def table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are HTML already; nothing for no rows."""
    lines = [_row(list(row)) for row in rows]
    if not lines:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _row(cells: list[str]) -> str:
    return f'<tr><th scope="row">{cells[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in cells[1:]) + "</tr>"


def members(caption: str, schema: Mapping[str, Any]) -> str:
    """The members of an object, and whether they must be there."""
    required = schema.get("required", [])
    rows = [
        (code(name), kind(part), "yes" if name in required else "", inline(part.get("description", "")))
        for name, part in schema.get("properties", {}).items()
    ]
    return table(caption, ("Name", "Type", "Required", "Meaning"), rows)


def kind(schema: Mapping[str, Any]) -> str:
    """What values a schema allows, in few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[1])
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(kind(part) for part in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return " or ".join(code(str(value)) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {kind(schema['items'])}"
    name = escape(str(schema.get("format") or schema.get("type", "anything")))
    bounds = [words.format(escape(str(schema[key]))) for key, words in _BOUNDS if key in schema]
    return ", ".join([name, *bounds])


def code(text: str) -> str:
    """Text as code."""
    return f"<code>{escape(text)}</code>"
