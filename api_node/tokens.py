"""Access tokens: short JWTs that name a person and nothing else (RFC 7519, 9068).

The algorithm and the type are pinned and every claim is required, so that neither `none` nor another service's token
passes. What a person may do is never in the token: it is read from the account.
"""

import secrets
from datetime import timedelta
from typing import Final

import jwt

from shared.clock import Clock
from shared.errors import Unauthenticated

_ALGORITHM: Final = "HS256"
_TYPE: Final = "at+jwt"
_ISSUER: Final = "the-console"
_AUDIENCE: Final = "the-console-api"
_REQUIRED: Final = ["exp", "iat", "nbf", "iss", "aud", "sub", "jti"]


class AccessTokens:
    """Mints and reads tokens with one key."""

    def __init__(self, secret: str, *, ttl_s: int, clock: Clock) -> None:
        self._secret = secret
        self._ttl = timedelta(seconds=ttl_s)
        self._clock = clock

    def mint(self, user_id: int) -> str:
        """A token for one person, valid from now for the configured time."""
        now = self._clock.now()
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(user_id),
            "iat": now,
            "nbf": now,
            "exp": now + self._ttl,
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode(claims, self._secret, _ALGORITHM, headers={"typ": _TYPE})

    def read(self, token: str) -> int:
        """The person a token names. Raises Unauthenticated for anything but a valid one of ours."""
        try:
            if jwt.get_unverified_header(token).get("typ") != _TYPE:
                raise Unauthenticated
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                issuer=_ISSUER,
                options={"require": _REQUIRED},
            )
            return int(claims["sub"])
        except (jwt.PyJWTError, ValueError):
            raise Unauthenticated from None
