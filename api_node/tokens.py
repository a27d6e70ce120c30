"""Access tokens: what comes with every request of a person who is signed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from api_node.signed_tokens import Claims, Named, SignedTokens, SigningKeys
from shared.clock import Clock
from shared.errors import Unauthenticated

MAX_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token and how long it is good for, in seconds."""

    text: str
    expires_in_s: int


class AccessTokens:
    """Mints and reads tokens."""

    def __init__(self, keys: SigningKeys, *, ttl_s: int, clock: Clock) -> None:
        self._signed = SignedTokens(keys, kind="at+jwt", audience="the-console-api")
        self._ttl = timedelta(seconds=ttl_s)
        self._clock = clock
        self._verified: dict[str, Claims] = {}

    def mint(self, named: Named, session_ends_at: datetime) -> AccessToken:
        """A token for one sign-in, good for the configured time or as long as the sign-in is."""
        now = self._clock.now()
        life = max(timedelta(), min(self._ttl, session_ends_at - now))
        return AccessToken(self._signed.sign(named, now=now, until=now + life), int(life.total_seconds()))

    def read(self, token: str) -> Named:
        """Whom a token names. Raises Unauthenticated for anything but a valid one of ours.

        A token comes with every request of its life: one that was verified is remembered until it expires.
        """
        known = self._verified.get(token)
        if known is None:
            known = self._signed.read(token)
            if len(self._verified) >= MAX_REMEMBERED:
                del self._verified[next(iter(self._verified))]
            self._verified[token] = known
        if self._clock.now().timestamp() >= known.expires_at:
            del self._verified[token]
            raise Unauthenticated
        return known.named
