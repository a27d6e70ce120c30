"""Who is asking: from a request's bearer token to a person and their sign-in."""

from starlette.requests import Request

from api_node.node import Node
from api_node.signed_in import SignedIn
from shared.errors import Unauthenticated
from shared.http.scope import header
from shared.model import UserSession


async def authenticate(request: Request) -> SignedIn:
    """Who sent the request's bearer token. Raises Unauthenticated, DatabaseUnavailable."""
    token = bearer_token(request)
    if token is None:
        raise Unauthenticated
    signed_in = await Node.of(request).sessions.of_token(token)
    request.state.session = signed_in.session
    return signed_in


def session_of(request: Request) -> UserSession:
    """The sign-in behind a request that was let in."""
    session: UserSession = request.state.session
    return session


def bearer_token(request: Request) -> str | None:
    """What follows `Bearer` in the Authorization header; None without it."""
    scheme, _, token = (header(request.scope, b"authorization") or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
