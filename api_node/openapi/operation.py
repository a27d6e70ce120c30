"""What is said of one row of the table of routes, beyond its path and policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import BaseModel

from shared.commands import RowId
from shared.errors import ConsoleError

Tag = Literal[
    "Accounts",
    "Organisation",
    "Applications",
    "Audit",
    "Jobs",
    "Queues",
    "Execution units",
    "Board",
    "Live events",
    "Operation",
    "Health",
    "Reference",
]

JSON: Final = "application/json"
TEXT: Final = "text/plain; version=1.0.0; charset=utf-8"
NDJSON: Final = "application/x-ndjson"
HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Query:
    """One parameter of the query. `type` is an annotation that pydantic knows, without null: absent is absent."""

    name: str
    type: Any
    means: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that is no error.

    `data` is what it shows: a model or an annotation, None for no body at all. `is_bare`: the body itself, without
    `{success, data}` around it. `headers` are names of `components.headers` that are always there.
    """

    means: str
    data: Any = None
    is_bare: bool = False
    content_type: str = JSON
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One row. The handler's docstring is its description, with `more` behind it; the errors that follow from what it
    takes (a token, a body, an id in the path, a write) are added to `errors`.

    `names_one_of`: the members of a change, of which the body must name one; those it leaves out stay as they are.
    `is_write`: forwarded to the queue service, so it takes `Idempotency-Key`. `is_versioned`: it takes `If-Match` and
    `?version=`, and `current` is what a conflict shows. `headers` are names of `components.parameters`.
    """

    id: str
    tag: Tag
    summary: str
    answers: Mapping[int, Answer]
    more: str = ""
    body: type[BaseModel] | None = None
    body_is_required: bool = True
    names_one_of: tuple[str, ...] = ()
    query: tuple[Query, ...] = ()
    path: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({"id": RowId}))
    headers: tuple[str, ...] = ()
    errors: tuple[type[ConsoleError], ...] = ()
    is_write: bool = False
    is_versioned: bool = False
