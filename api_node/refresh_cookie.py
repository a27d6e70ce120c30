"""The refresh token in a cookie that no script can read: for pages of this site, where a sign-in asked for it.

`__Host-` (RFC 6265bis, 4.1.3.2): Secure, of this host alone. A browser adds a cookie to requests of other sites' pages
as well: `SameSite=Strict` keeps most browsers from it, and we look ourselves where the request came from (Fetch
Metadata; `Origin` where that is not sent). Only refresh and logout take the cookie. Everything else wants the access
token in a header, which a page has to set, so no other request can be made in somebody's name.
"""

from typing import Any, Final

from starlette.requests import Request

from api_node.authenticate import bearer_token
from api_node.grants import NOT_TO_BE_KEPT
from api_node.live.origin import is_welcome
from api_node.node import Node
from shared.errors import Forbidden
from shared.http.scope import header

NAME: Final = "__Host-console-refresh"
_ATTRIBUTES: Final = "Path=/; Secure; HttpOnly; SameSite=Strict"


def token_headers(request: Request, shown: dict[str, Any], *, in_cookie: bool) -> dict[str, str]:
    """The headers of an answer that hands out tokens. `in_cookie` moves the refresh token out of what is `shown`."""
    if not in_cookie:
        return NOT_TO_BE_KEPT
    token, shown["refreshToken"] = shown["refreshToken"], None
    if token is None:
        return NOT_TO_BE_KEPT
    life_s = Node.of(request).settings.refresh_ttl_s
    return NOT_TO_BE_KEPT | {"Set-Cookie": f"{NAME}={token}; Max-Age={life_s}; {_ATTRIBUTES}"}


def cookie_token(request: Request, given: str | None) -> str | None:
    """The refresh token of the cookie; None when another token came along (`given` in the body, or a Bearer), or no
    cookie. Raises Forbidden for a request that no page of this site made."""
    if given is not None or bearer_token(request) is not None:
        return None
    token = _cookie(request)
    if token is not None and not _is_of_this_site(request):
        raise Forbidden("the cookie is only taken from pages of this site")
    return token


def cleared(request: Request) -> dict[str, str]:
    """The header that takes the cookie away, where a page of this site sent it."""
    if _cookie(request) is None or not _is_of_this_site(request):
        return {}
    return {"Set-Cookie": f"{NAME}=; Max-Age=0; {_ATTRIBUTES}"}


def _cookie(request: Request) -> str | None:
    # Starlette reads as browsers write. The standard library's SimpleCookie finds nothing at all where one cookie of
    # another program of this host holds a brace, a bracket or a lone quote.
    return request.cookies.get(NAME) or None


def _is_of_this_site(request: Request) -> bool:
    site = header(request.scope, b"sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = header(request.scope, b"origin")
    return origin is not None and is_welcome(origin, header(request.scope, b"host") or "", ())
