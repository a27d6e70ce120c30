"""Short JWTs that name a person and a sign-in, and nothing else (RFC 7519, 9068).

The algorithm, the keys and the type are pinned and every claim is required, so that neither `none`, nor another kind
of ours, nor another service's token passes. What a person may do is never in it: it is read from the account.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

import jwt

from shared.errors import Unauthenticated
from shared.settings import Settings

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "the-console"
_REQUIRED: Final = ["exp", "iat", "nbf", "iss", "aud", "sub", "sid", "epoch", "jti"]
_KID_DIGITS: Final = 16
_CLOCKS_APART: Final = timedelta(minutes=1)
"""How far the clocks of two nodes may differ: a token that one has just made is good at the other."""


@dataclass(frozen=True, slots=True)
class Named:
    """Whose a token is, in which epoch of theirs, and by which sign-in."""

    user_id: int
    epoch: int
    session_id: int


@dataclass(frozen=True, slots=True)
class Claims:
    """What one says: its own id, whom it names, and until when it is good (seconds since 1970)."""

    id: str
    named: Named
    expires_at: float


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys that tokens are read with, by their ids; the first one signs. An id (`kid`) is a digest of its key, so
    all nodes agree on it, and nothing that a token says can lead to any other key."""

    by_id: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """JWT_SECRET, and JWT_FORMER_SECRET for as long as tokens are about that it signed."""
        known = filter(None, (settings.jwt_secret, settings.jwt_former_secret))
        return cls({hashlib.sha256(secret.encode()).hexdigest()[:_KID_DIGITS]: secret for secret in known})

    @property
    def signing(self) -> tuple[str, str]:
        """The id and the key to sign with."""
        return next(iter(self.by_id.items()))


class SignedTokens:
    """Signs and reads one kind of token."""

    def __init__(self, keys: SigningKeys, *, kind: str, audience: str) -> None:
        self._keys = keys
        self._kind = kind
        self._audience = audience

    def sign(self, named: Named, *, now: datetime, until: datetime) -> str:
        """A token, good from now until then. No two have one id."""
        claims = {
            "iss": _ISSUER,
            "aud": self._audience,
            "sub": str(named.user_id),
            "epoch": named.epoch,
            "sid": named.session_id,
            "iat": now,
            "nbf": now - _CLOCKS_APART,
            "exp": until,
            "jti": secrets.token_urlsafe(16),
        }
        kid, key = self._keys.signing
        return jwt.encode(claims, key, _ALGORITHM, headers={"typ": self._kind, "kid": kid})

    def read(self, token: str) -> Claims:
        """What a token says. Raises Unauthenticated for anything but a valid one of this kind that has not expired."""
        try:
            head = jwt.get_unverified_header(token)
            key = self._keys.by_id.get(str(head.get("kid")))
            if head.get("typ") != self._kind or key is None:
                raise Unauthenticated
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=_ISSUER,
                # what it would look at beyond `nbf` is whether the clock of who signed is ahead of ours
                options={"require": _REQUIRED, "verify_iat": False},
            )
            named = Named(int(claims["sub"]), int(claims["epoch"]), int(claims["sid"]))
            return Claims(str(claims["jti"]), named, float(claims["exp"]))
        except (jwt.PyJWTError, ValueError, TypeError):
            raise Unauthenticated from None
