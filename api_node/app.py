"""The ASGI app of one node."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from api_node.cors import Cors
from api_node.node import Node
from api_node.reference import Reference
from api_node.routes import TABLE, routes
from shared.errors import ConsoleError
from shared.http.context import RequestContext, answer_errors


def build_app(node: Node) -> Starlette:
    """The routes over a started node."""
    answer = answer_errors(node.clock)
    origins = node.settings.allowed_origins
    app = Starlette(
        routes=routes(),
        middleware=[
            *([Middleware(Cors, origins=origins)] if origins else []),
            Middleware(
                RequestContext,
                clock=node.clock,
                default_language=node.settings.default_language,
                metrics=node.http_metrics,
                logs_requests=True,
            ),
        ],
        exception_handlers={HTTPException: answer, ConsoleError: answer},
    )
    app.router.redirect_slashes = False
    app.state.node = node
    app.state.reference = Reference(TABLE)
    return app
