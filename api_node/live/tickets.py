"""Tickets: what opens a WebSocket, since a browser cannot set headers on one and a bearer token has no place in a URL.

Signed like an access token, but of another type and audience, so that neither passes for the other. A ticket says who
asked, by which sign-in, and has an id of its own under which it is redeemed once (queue_service/commands/tickets.py).
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import jwt

from shared.clock import Clock
from shared.errors import Unauthenticated

TICKET_S: Final = 30
_ALGORITHM: Final = "HS256"
_TYPE: Final = "live-ticket+jwt"
_ISSUER: Final = "the-console"
_AUDIENCE: Final = "the-console-live"
_REQUIRED: Final = ["exp", "iat", "iss", "aud", "sub", "sid", "jti"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that was read: its id, and the person and sign-in it was given to."""

    id: str
    user_id: int
    session_id: int


class Tickets:
    """Mints and reads tickets with one key."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def mint(self, user_id: int, session_id: int) -> tuple[str, datetime]:
        """A ticket for one person, and until when it is good."""
        now = self._clock.now()
        until = now + timedelta(seconds=TICKET_S)
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(user_id),
            "sid": session_id,
            "iat": now,
            "exp": until,
            "jti": secrets.token_urlsafe(16),
        }
        return jwt.encode(claims, self._secret, _ALGORITHM, headers={"typ": _TYPE}), until

    def read(self, ticket: str) -> Ticket:
        """What a ticket says. Raises Unauthenticated for anything but a valid one of ours that has not expired."""
        try:
            if jwt.get_unverified_header(ticket).get("typ") != _TYPE:
                raise Unauthenticated
            claims = jwt.decode(
                ticket,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                issuer=_ISSUER,
                options={"require": _REQUIRED},
            )
            return Ticket(str(claims["jti"]), int(claims["sub"]), int(claims["sid"]))
        except (jwt.PyJWTError, ValueError):
            raise Unauthenticated from None
