"""Who is asking: from a request's bearer token to a person and their sign-in, or to an application."""

from starlette.requests import Request

from api_node.application_keys import is_key
from api_node.node import Node
from shared.errors import Unauthenticated
from shared.http.scope import header
from shared.model import UserSession
from shared.principal import Principal


async def authenticate(request: Request) -> Principal:
    """Who sent the request's bearer token. Raises Unauthenticated, DatabaseUnavailable."""
    token, node = bearer_token(request), Node.of(request)
    if token is None:
        raise Unauthenticated
    if is_key(token):
        return await node.applications.of_key(token)
    signed_in = await node.sessions.of_token(token)
    request.state.session = signed_in.session
    return signed_in.principal()


def session_of(request: Request) -> UserSession:
    """The sign-in behind a request of a person that was let in."""
    session: UserSession = request.state.session
    return session


def bearer_token(request: Request) -> str | None:
    """What follows `Bearer` in the Authorization header; None without it."""
    scheme, _, token = (header(request.scope, b"authorization") or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
