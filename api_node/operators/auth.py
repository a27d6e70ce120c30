"""`/v1/auth` (seed 004): login, refresh, userinfo, logout, logout-all. The accounts are those of every other door."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_node import sign_in
from api_node.console.auth import KeptIn, RefreshBody, left, refreshed
from api_node.operators.answers import shown
from api_node.refresh_cookie import token_headers
from shared.account_commands import LoginName
from shared.commands import validated
from shared.http.body import read_json, read_json_or_nothing
from shared.model import user_view
from shared.principal import Principal


class Login(KeptIn):
    """What login takes: a user name or an e-mail."""

    username: LoginName
    password: str


async def login(request: Request) -> Response:
    """200 with `{token, expiresIn, refreshToken, user}`. 401 bad_credentials, 429 too_many_attempts.

    `username` may be an e-mail. The same answer after the same work for an unknown account, a wrong password, and an
    account that is deleted or turned off.
    """
    body, raw = await read_json(request)
    given = validated(Login, body)
    _, granted = await sign_in.sign_in(request, given.username, given.password, raw)
    return shown(granted, token_headers(request, granted, in_cookie=given.cookie))


async def refresh(request: Request) -> Response:
    """200 with new tokens for a refresh token, sent as Bearer, as `refreshToken` or in the cookie; it is used up.

    401 for an access token (seed 004 prints one here: exchanged for itself it would never expire), token_superseded,
    token_reused.
    """
    given = validated(RefreshBody, (await read_json_or_nothing(request))[0])
    return shown(*await refreshed(request, given))


async def get_userinfo(_request: Request, viewer: Principal) -> Response:
    """200 with the account that asks and the codes of its permissions, as they are now."""
    return shown(user_view(viewer.user, viewer.place) | {"permissions": sorted(viewer.permissions)})


async def logout(request: Request) -> Response:
    """200: the sign-in of the access token (Bearer), of the `refreshToken` or of the cookie is over. Repeating it is
    200, too."""
    return await _leave(request, everywhere=False)


async def logout_all(request: Request) -> Response:
    """200: every sign-in of the person is over. 401 by a token that opens nothing any more."""
    return await _leave(request, everywhere=True)


async def _leave(request: Request, *, everywhere: bool) -> Response:
    given: Any = validated(RefreshBody, (await read_json_or_nothing(request))[0])
    return shown(None, await left(request, given, everywhere=everywhere))
