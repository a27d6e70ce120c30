"""Tickets: what opens a WebSocket, since a browser cannot set headers on one and a bearer token has no place in a URL.

Signed like an access token, but of another type and audience, so that neither passes for the other. A ticket says who
asked, by which sign-in, and has an id of its own under which it is redeemed once (queue_service/commands/tickets.py).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from api_node.signed_tokens import Named, SignedTokens, SigningKeys
from shared.clock import Clock

TICKET_S: Final = 30


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that was read: its id, and the person and sign-in it was given to."""

    id: str
    named: Named


class Tickets:
    """Mints and reads tickets."""

    def __init__(self, keys: SigningKeys, clock: Clock) -> None:
        self._signed = SignedTokens(keys, kind="live-ticket+jwt", audience="the-console-live")
        self._clock = clock

    def mint(self, named: Named) -> tuple[str, datetime]:
        """A ticket for one person, and until when it is good."""
        now = self._clock.now()
        until = now + timedelta(seconds=TICKET_S)
        return self._signed.sign(named, now=now, until=until), until

    def read(self, ticket: str) -> Ticket:
        """What a ticket says. Raises Unauthenticated for anything but a valid one of ours that has not expired."""
        claims = self._signed.read(ticket)
        return Ticket(claims.id, claims.named)
