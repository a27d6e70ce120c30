"""The document itself, and its page."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from api_node.openapi.operation import HTML, Answer, Operation

_PAGE: Final = {200: Answer("the page", str, is_bare=True, content_type=HTML)}

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "GET /api/openapi.json": Operation(
            id="getOpenApi",
            tag="Reference",
            summary="This document",
            answers={200: Answer("OpenAPI 3.1", dict[str, Any], is_bare=True)},
        ),
        "GET /": Operation(
            id="getHome",
            tag="Reference",
            summary="Where to begin",
            answers={302: Answer("to the page of this document", headers=("Location",))},
        ),
        "GET /api/docs": Operation(id="getDocs", tag="Reference", summary="This document to read", answers=_PAGE),
        "GET /api-docs": Operation(id="getApiDocs", tag="Reference", summary="The same at another path", answers=_PAGE),
    }
)
