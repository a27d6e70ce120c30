"""`POST /api/auth/register` and `/login` (seed 000)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_node.forward import forward, written
from api_node.node import Node
from api_node.passwords import MAX_BYTES, MIN_BYTES
from api_node.queries import users
from api_node.reads import answering_database_errors
from shared.commands import CommandData, Email, validated
from shared.envelopes import success
from shared.errors import BadCredentials, FieldError, Invalid, RegistrationClosed
from shared.http.body import read_json
from shared.http.context import JsonResponse
from shared.model import user_view


class Credentials(CommandData):
    """What register and login take."""

    email: Email
    password: str


async def register(request: Request) -> Response:
    """201 with the account and an access token. 403 registration_closed, 409 email_taken, 422.

    The first account ever is the administrator.
    """
    node = Node.of(request)
    body, raw = await read_json(request)
    given = validated(Credentials, body)
    if node.settings.registration == "closed":
        raise RegistrationClosed
    _require_usable(given.password)
    hashed = await node.passwords.hash(given.password)
    outcome = await forward(request, "create-user", {"email": given.email, "passwordHash": hashed}, actor=None, raw=raw)
    user: dict[str, Any] = outcome.data["user"]
    if outcome.is_replayed:
        # the stored answer holds no token, and the key alone must not open the account for ever after
        await _verified(node, given)
    return JsonResponse(
        success({"user": user, "token": node.tokens.mint(user["id"])}), outcome.status, written(outcome)
    )


async def login(request: Request) -> Response:
    """200 with the account and an access token. 401 bad_credentials, the same for an unknown account and a wrong
    password, after the same work."""
    node = Node.of(request)
    body, _ = await read_json(request)
    user = await _verified(node, validated(Credentials, body))
    return JsonResponse(success({"user": user, "token": node.tokens.mint(user["id"])}))


async def _verified(node: Node, given: Credentials) -> dict[str, Any]:
    async with answering_database_errors():
        user = await users.by_email(node.engine, given.email)
    known = user if user is not None and user.deleted_at is None else None
    fits = len(given.password.encode()) <= MAX_BYTES
    is_right = await node.passwords.verify(known.password if known else None, given.password if fits else "")
    if known is None or not is_right:
        raise BadCredentials
    return user_view(known)


def _require_usable(password: str) -> None:
    if not MIN_BYTES <= len(password.encode()) <= MAX_BYTES:
        raise Invalid(errors=[FieldError("password", f"must be {MIN_BYTES} to {MAX_BYTES} bytes")])
