"""`/api/auth` (seed 000): register, login, refresh, logout, me."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api_node import sign_in
from api_node.forward import written
from api_node.grants import NOT_TO_BE_KEPT
from shared.commands import CommandData, Email, validated
from shared.envelopes import success
from shared.http.body import read_json
from shared.http.context import JsonResponse
from shared.model import user_view
from shared.password_rules import MAX_BYTES, MIN_CHARACTERS
from shared.principal import Principal

# said in the document alone: `require_usable` checks it, and more
NewPasswordText = Annotated[str, Field(json_schema_extra={"minLength": MIN_CHARACTERS, "maxLength": MAX_BYTES})]


class Credentials(CommandData):
    """What login takes."""

    email: Email
    password: str


class NewCredentials(Credentials):
    """What register takes."""

    password: NewPasswordText


class RefreshBody(CommandData):
    """What refresh takes, where the token is not the bearer."""

    refreshToken: str | None = None


class LogoutBody(RefreshBody):
    """What logout takes. `everywhere` ends every session of the person."""

    everywhere: bool = False


async def register(request: Request) -> Response:
    """201 with the account, signed in. 403 registration_closed, 409 email_taken, 422, 429 too_many_attempts.

    The first account ever is the administrator. A replay by the client's key shows no refresh token again, and is 401
    once the sign-in is over.
    """
    body, raw = await read_json(request)
    given = validated(NewCredentials, body)
    outcome, shown = await sign_in.register(request, given.email, given.password, raw)
    return JsonResponse(success(shown), outcome.status, written(outcome) | NOT_TO_BE_KEPT)


async def login(request: Request) -> Response:
    """200 with the account, an access token and a refresh token. 401 bad_credentials, 429 too_many_attempts.

    The same answer after the same work for an unknown account, a wrong password, and an account that is deleted or
    turned off. A replay by the client's key shows no refresh token again, and is 401 once the sign-in is over.
    """
    body, raw = await read_json(request)
    given = validated(Credentials, body)
    outcome, shown = await sign_in.sign_in(request, given.email, given.password, raw)
    return JsonResponse(success(shown), outcome.status, written(outcome) | NOT_TO_BE_KEPT)


async def refresh(request: Request) -> Response:
    """200 with new tokens for a refresh token, sent as `refreshToken` or as Bearer; it is used up by that.

    401 unauthenticated; token_superseded within 10 s of the last refresh of this sign-in, by another tab perhaps;
    token_reused later, and the sign-in has ended. An `Idempotency-Key` has no say: the token is its own.
    """
    given = validated(RefreshBody, await body_or_nothing(request))
    return JsonResponse(success(await sign_in.refresh(request, given.refreshToken)), headers=NOT_TO_BE_KEPT)


async def logout(request: Request) -> Response:
    """200: the sign-in of the access token (Bearer) or of the `refreshToken` is over, here or `everywhere`.

    Repeating it is 200, too. 401 for no token of ours, and for `everywhere` by one that is over itself. An
    `Idempotency-Key` has no say: the same empty body may come from two sign-ins of one person.
    """
    given = validated(LogoutBody, await body_or_nothing(request))
    await sign_in.leave(request, given.refreshToken, everywhere=given.everywhere)
    return JsonResponse(success({}))


async def get_me(_request: Request, viewer: Principal) -> Response:
    """200 with the account that asks, as login shows it."""
    return JsonResponse(success({"user": user_view(viewer.user, viewer.place)}))


async def body_or_nothing(request: Request) -> Any:
    """The body; an empty object for a request that has none, since a token may come as Bearer."""
    headers: Mapping[str, str] = request.headers
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return (await read_json(request))[0] if has_body else {}
