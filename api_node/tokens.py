"""Access tokens: short JWTs that name a person and a sign-in, and nothing else (RFC 7519, 9068).

The algorithm and the type are pinned and every claim is required, so that neither `none` nor another service's token
passes. What a person may do is never in the token: it is read from the account.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import jwt

from shared.clock import Clock
from shared.errors import Unauthenticated

_ALGORITHM: Final = "HS256"
_TYPE: Final = "at+jwt"
_ISSUER: Final = "the-console"
_AUDIENCE: Final = "the-console-api"
MAX_REMEMBERED: Final = 10_000
_REQUIRED: Final = ["exp", "iat", "nbf", "iss", "aud", "sub", "sid", "jti"]


@dataclass(frozen=True, slots=True)
class Named:
    """What a token says: whose it is, and by which sign-in."""

    user_id: int
    session_id: int


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token and how long it is good for, in seconds."""

    text: str
    expires_in_s: int


class AccessTokens:
    """Mints and reads tokens with one key."""

    def __init__(self, secret: str, *, ttl_s: int, clock: Clock) -> None:
        self._secret = secret
        self._ttl = timedelta(seconds=ttl_s)
        self._clock = clock
        self._verified: dict[str, tuple[Named, float]] = {}

    def mint(self, user_id: int, session_id: int, session_ends_at: datetime) -> AccessToken:
        """A token for one sign-in, good for the configured time or as long as the sign-in is."""
        now = self._clock.now()
        life = max(timedelta(), min(self._ttl, session_ends_at - now))
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(user_id),
            "sid": session_id,
            "iat": now,
            "nbf": now,
            "exp": now + life,
            "jti": secrets.token_urlsafe(12),
        }
        text = jwt.encode(claims, self._secret, _ALGORITHM, headers={"typ": _TYPE})
        return AccessToken(text, int(life.total_seconds()))

    def read(self, token: str) -> Named:
        """Whom a token names. Raises Unauthenticated for anything but a valid one of ours.

        A token comes with every request of its life: one that was verified is remembered until it expires.
        """
        known = self._verified.get(token)
        if known is None:
            known = self._verify(token)
            if len(self._verified) >= MAX_REMEMBERED:
                del self._verified[next(iter(self._verified))]
            self._verified[token] = known
        if self._clock.now().timestamp() >= known[1]:
            del self._verified[token]
            raise Unauthenticated
        return known[0]

    def _verify(self, token: str) -> tuple[Named, float]:
        """Whom it names, and until when (seconds since 1970)."""
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
            return Named(int(claims["sub"]), int(claims["sid"])), float(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError):
            raise Unauthenticated from None
