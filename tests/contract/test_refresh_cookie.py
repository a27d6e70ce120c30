"""A sign-in whose refresh token is in a cookie: no script sees it, no other site's page can use it."""

from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest

from tests.contract.conftest import PASSWORD, Board
from tests.support.api import Answer, Api

NAME = "__Host-console-refresh"
OURS = {"Sec-Fetch-Site": "same-origin"}
THEIRS: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
]
DOORS = pytest.mark.parametrize("door", ["/api/auth", "/v1/auth"])


def cookie_of(answer: Answer) -> Morsel[str]:
    """The one cookie that an answer sets, which must be kept as strictly as a browser can."""
    text = answer.headers["Set-Cookie"]
    cookie: SimpleCookie = SimpleCookie(text)
    [found] = cookie.values()
    assert found.key == NAME
    assert (found["path"], found["domain"], found["samesite"]) == ("/", "", "Strict")
    assert found["secure"] is True
    assert found["httponly"] is True
    return found


async def signed_in(board: Board, door: str) -> tuple[Answer, str]:
    """A login that asked for the cookie, and what the browser would send from now on."""
    _, _, email = await board.account()
    name = "username" if door.startswith("/v1") else "email"
    login = await board.stranger.post(f"{door}/login", {name: email, "password": PASSWORD, "cookie": True})
    assert login.status == 200
    return login, f"{NAME}={cookie_of(login).value}"


async def with_cookie(board: Board, path: str, cookie: str, where: dict[str, str], body: Any = None) -> Answer:
    return await board.stranger("POST", path, body, headers={"Cookie": cookie} | where)


@DOORS
async def test_the_token_is_in_the_cookie_alone_and_changes_with_each_refresh(board: Board, door: str) -> None:
    login, cookie = await signed_in(board, door)
    assert login.data["refreshToken"] is None
    token = cookie.partition("=")[2]
    assert token not in login.raw.decode()
    refreshed = await with_cookie(board, f"{door}/refresh", cookie, OURS)
    assert (refreshed.status, refreshed.data["refreshToken"]) == (200, None)
    assert cookie_of(refreshed).value not in ("", token)
    assert (await Api(board.stranger.http, refreshed.data["token"]).get("/api/auth/me")).status == 200


@pytest.mark.parametrize("beside", ['prefs={"theme":"dark"}', "a[b]=1", 'x="abc', "a=b c", "alone", "é=ü"])
async def test_the_cookie_is_found_beside_whatever_else_the_host_has_set(board: Board, beside: str) -> None:
    _, cookie = await signed_in(board, "/api/auth")
    for together in ("{beside}; {cookie}", "{cookie}; {beside}"):
        sent = together.format(beside=beside, cookie=cookie)
        refreshed = await with_cookie(board, "/api/auth/refresh", sent, OURS)
        assert refreshed.status == 200
        cookie = f"{NAME}={cookie_of(refreshed).value}"


@pytest.mark.parametrize("where", THEIRS)
@pytest.mark.parametrize("what", ["refresh", "logout"])
async def test_no_page_of_another_site_can_use_it(board: Board, what: str, where: dict[str, str]) -> None:
    login, cookie = await signed_in(board, "/api/auth")
    refused = await with_cookie(board, f"/api/auth/{what}", cookie, where)
    assert refused.refusal == (403, "forbidden")
    assert "Set-Cookie" not in refused.headers
    assert (await Api(board.stranger.http, login.data["token"]).get("/api/auth/me")).status == 200
    assert (await with_cookie(board, "/api/auth/refresh", cookie, OURS)).status == 200


async def test_a_browser_that_sends_no_fetch_metadata_is_known_by_its_origin(board: Board) -> None:
    _, cookie = await signed_in(board, "/api/auth")
    address = board.cluster.nodes[0].url
    assert (await with_cookie(board, "/api/auth/refresh", cookie, {"Origin": address})).status == 200


async def test_the_cookie_opens_nothing_but_refresh_and_logout(board: Board) -> None:
    _, cookie = await signed_in(board, "/api/auth")
    for method, path in (("GET", "/api/auth/me"), ("POST", "/api/tasks"), ("GET", "/v1/auth/userinfo")):
        answer = await board.stranger(method, path, headers={"Cookie": cookie} | OURS)
        assert answer.refusal == (401, "unauthenticated")


@DOORS
@pytest.mark.parametrize("by", ["cookie", "bearer"])
async def test_a_logout_takes_the_cookie_away(board: Board, door: str, by: str) -> None:
    login, cookie = await signed_in(board, door)
    bearer = {"Authorization": f"Bearer {login.data['token']}"} if by == "bearer" else {}
    left = await with_cookie(board, f"{door}/logout", cookie, OURS | bearer)
    assert left.status == 200
    assert (cookie_of(left).value, cookie_of(left)["max-age"]) == ("", "0")
    assert (await with_cookie(board, f"{door}/refresh", cookie, OURS)).refusal == (401, "unauthenticated")


async def test_who_registers_may_ask_for_it_and_who_does_not_gets_none(board: Board) -> None:
    new = {"email": "cookie@example.com", "password": PASSWORD}
    registered = await board.stranger.post("/api/auth/register", new | {"cookie": True})
    assert (registered.status, registered.data["refreshToken"]) == (201, None)
    assert cookie_of(registered).value
    login = await board.stranger.post("/api/auth/login", new)
    assert login.data["refreshToken"]
    assert "Set-Cookie" not in login.headers
    # a token that is sent as itself is answered as itself, whatever cookies there are
    cookie = f"{NAME}={cookie_of(registered).value}"
    refreshed = await with_cookie(board, "/api/auth/refresh", cookie, {}, {"refreshToken": login.data["refreshToken"]})
    assert (refreshed.status, "Set-Cookie" in refreshed.headers) == (200, False)
    assert refreshed.data["refreshToken"]


@pytest.mark.parametrize("text", [f"{NAME}=", f"{NAME}=x; other=y", f'{NAME}="1.x.y"', f"{NAME}", "=;;;"])
async def test_a_cookie_that_is_none_of_ours_is_no_token(board: Board, text: str) -> None:
    assert (await with_cookie(board, "/api/auth/refresh", text, OURS)).status == 401
