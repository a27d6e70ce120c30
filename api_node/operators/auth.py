"""`/v1/auth` (seed 004): login, refresh, userinfo, logout, logout-all. The accounts are those of every other door."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_node import sign_in
from api_node.console.auth import RefreshBody, body_or_nothing
from api_node.grants import NOT_TO_BE_KEPT
from api_node.operators.answers import shown
from shared.account_commands import LoginName
from shared.commands import CommandData, validated
from shared.http.body import read_json
from shared.model import user_view
from shared.principal import Principal


class Login(CommandData):
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
    return shown(granted, NOT_TO_BE_KEPT)


async def refresh(request: Request) -> Response:
    """200 with new tokens for a refresh token, sent as Bearer or as `refreshToken`; it is used up by that.

    401 for an access token (seed 004 prints one here: exchanged for itself it would never expire), token_superseded,
    token_reused.
    """
    given = validated(RefreshBody, await body_or_nothing(request))
    return shown(await sign_in.refresh(request, given.refreshToken), NOT_TO_BE_KEPT)


async def get_userinfo(_request: Request, viewer: Principal) -> Response:
    """200 with the account that asks and the codes of its permissions, as they are now."""
    return shown(user_view(viewer.user, viewer.place) | {"permissions": sorted(viewer.permissions)})


async def logout(request: Request) -> Response:
    """200: the sign-in of the access token (Bearer) or of the `refreshToken` is over. Repeating it is 200, too."""
    return await _leave(request, everywhere=False)


async def logout_all(request: Request) -> Response:
    """200: every sign-in of the person is over. 401 by one that is over itself."""
    return await _leave(request, everywhere=True)


async def _leave(request: Request, *, everywhere: bool) -> Response:
    given: Any = validated(RefreshBody, await body_or_nothing(request))
    await sign_in.leave(request, given.refreshToken, everywhere=everywhere)
    return shown(None)
