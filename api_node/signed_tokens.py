"""Short JWTs that name a person and a sign-in, and nothing else (RFC 7519, 9068).

The algorithm and the type are pinned and every claim is required, so that neither `none`, nor another kind of ours, nor
another service's token passes. What a person may do is never in it: it is read from the account.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import jwt

from shared.errors import Unauthenticated

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "the-console"
_REQUIRED: Final = ["exp", "iat", "nbf", "iss", "aud", "sub", "sid", "jti"]


@dataclass(frozen=True, slots=True)
class Claims:
    """What one says: its own id, whose it is, by which sign-in, and until when it is good (seconds since 1970)."""

    id: str
    user_id: int
    session_id: int
    expires_at: float


class SignedTokens:
    """Signs and reads one kind of token with one key."""

    def __init__(self, secret: str, *, kind: str, audience: str) -> None:
        self._secret = secret
        self._kind = kind
        self._audience = audience

    def sign(self, user_id: int, session_id: int, *, now: datetime, until: datetime) -> str:
        """A token, good from now until then. No two have one id."""
        claims = {
            "iss": _ISSUER,
            "aud": self._audience,
            "sub": str(user_id),
            "sid": session_id,
            "iat": now,
            "nbf": now,
            "exp": until,
            "jti": secrets.token_urlsafe(16),
        }
        return jwt.encode(claims, self._secret, _ALGORITHM, headers={"typ": self._kind})

    def read(self, token: str) -> Claims:
        """What a token says. Raises Unauthenticated for anything but a valid one of this kind that has not expired."""
        try:
            if jwt.get_unverified_header(token).get("typ") != self._kind:
                raise Unauthenticated
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=_ISSUER,
                options={"require": _REQUIRED},
            )
            return Claims(str(claims["jti"]), int(claims["sub"]), int(claims["sid"]), float(claims["exp"]))
        except (jwt.PyJWTError, ValueError, TypeError):
            raise Unauthenticated from None
