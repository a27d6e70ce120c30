"""The API's own description: `/api/openapi.json`, and the same to read at `/api/docs` and `/api-docs`."""

from collections.abc import Iterable
from functools import cached_property

from starlette.requests import Request
from starlette.responses import Response

from api_node.openapi.document import Row, document
from api_node.openapi.page import CONTENT_SECURITY_POLICY, page
from shared.jsonio import dumps

_MAX_AGE = {"Cache-Control": "public, max-age=60"}


class Reference:
    """Both, made from the table of routes when they are first asked for: they never change while a node runs."""

    def __init__(self, table: Iterable[Row]) -> None:
        self._table = tuple(table)

    @cached_property
    def document(self) -> bytes:
        return dumps(document(self._table))

    @cached_property
    def page(self) -> bytes:
        return page(document(self._table)).encode()


async def get_home(request: Request) -> Response:
    """302 to the page: whoever opens the bare address in a browser has to begin somewhere."""
    return Response(status_code=302, headers={"Location": "/api/docs"})


async def get_document(request: Request) -> Response:
    """200 with the OpenAPI 3.1 document."""
    reference: Reference = request.app.state.reference
    return Response(reference.document, headers=_MAX_AGE, media_type="application/json")


async def get_page(request: Request) -> Response:
    """200 with the same document as a page to read. It needs no script and nothing from any other host."""
    reference: Reference = request.app.state.reference
    headers = _MAX_AGE | {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    return Response(reference.page, headers=headers, media_type="text/html")
