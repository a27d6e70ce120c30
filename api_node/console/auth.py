"""`/api/auth` (seed 000): register, login, refresh, logout, me."""

from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api_node import sign_in
from api_node.forward import written
from api_node.refresh_cookie import cleared, cookie_token, token_headers
from shared.commands import CommandData, Email, validated
from shared.envelopes import success
from shared.http.body import read_json, read_json_or_nothing
from shared.http.context import JsonResponse
from shared.model import user_view
from shared.password_rules import MAX_BYTES, MIN_CHARACTERS
from shared.principal import Principal

# said in the document alone: `require_usable` checks it, and more
NewPasswordText = Annotated[str, Field(json_schema_extra={"minLength": MIN_CHARACTERS, "maxLength": MAX_BYTES})]


class KeptIn(CommandData):
    """Where the refresh token goes: into the answer, or with `cookie` into a cookie that no script can read."""

    cookie: bool = False


class Credentials(KeptIn):
    """What login takes."""

    email: Email
    password: str


class NewCredentials(Credentials):
    """What register takes."""

    password: NewPasswordText


class RefreshBody(CommandData):
    """What refresh takes, where the token is neither the bearer nor in the cookie."""

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
    headers = token_headers(request, shown, in_cookie=given.cookie)
    return JsonResponse(success(shown), outcome.status, written(outcome) | headers)


async def login(request: Request) -> Response:
    """200 with the account, an access token and a refresh token. 401 bad_credentials, 429 too_many_attempts.

    The same answer after the same work for an unknown account, a wrong password, and an account that is deleted or
    turned off. A replay by the client's key shows no refresh token again, and is 401 once the sign-in is over.
    """
    body, raw = await read_json(request)
    given = validated(Credentials, body)
    outcome, shown = await sign_in.sign_in(request, given.email, given.password, raw)
    headers = token_headers(request, shown, in_cookie=given.cookie)
    return JsonResponse(success(shown), outcome.status, written(outcome) | headers)


async def refresh(request: Request) -> Response:
    """200 with new tokens for a refresh token, sent as `refreshToken`, as Bearer or in the cookie, where the next one
    goes as well; it is used up by that. 403 for a cookie that no page of this site sent.

    401 unauthenticated; token_superseded within 10 s of the last refresh of this sign-in, by another tab perhaps;
    token_reused later, and the sign-in has ended. An `Idempotency-Key` has no say: the token is its own.
    """
    given = validated(RefreshBody, (await read_json_or_nothing(request))[0])
    shown, headers = await refreshed(request, given)
    return JsonResponse(success(shown), headers=headers)


async def logout(request: Request) -> Response:
    """200: the sign-in of the access token (Bearer), of the `refreshToken` or of the cookie is over, here or
    `everywhere`.

    Repeating it is 200, too. 401 for no token of ours, and for `everywhere` by one that opens nothing any more. An
    `Idempotency-Key` has no say: the same empty body may come from two sign-ins of one person.
    """
    given = validated(LogoutBody, (await read_json_or_nothing(request))[0])
    return JsonResponse(success({}), headers=await left(request, given, everywhere=given.everywhere))


async def get_me(_request: Request, viewer: Principal) -> Response:
    """200 with the account that asks, as login shows it."""
    return JsonResponse(success({"user": user_view(viewer.user, viewer.place)}))


async def refreshed(request: Request, given: RefreshBody) -> tuple[dict[str, Any], dict[str, str]]:
    """What to show of a refresh, at whichever door, and the headers that go with it."""
    cookie = cookie_token(request, given.refreshToken)
    shown = await sign_in.refresh(request, given.refreshToken or cookie)
    return shown, token_headers(request, shown, in_cookie=cookie is not None)


async def left(request: Request, given: RefreshBody, *, everywhere: bool) -> dict[str, str]:
    """End a sign-in, at whichever door; the headers that go with it."""
    token = given.refreshToken or cookie_token(request, given.refreshToken)
    await sign_in.leave(request, token, everywhere=everywhere)
    return cleared(request)
