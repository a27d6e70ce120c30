"""Which application sent a key: its rows, read from the primary and believed for three seconds, like a sign-in's.

So a secret that is revoked, or an application that is turned off, opens nothing on any node within that time, and on
the node that did it at once. A database that does not answer is a 503, never an open door.
"""

import hmac
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.application_keys import Secret, parse
from api_node.queries import applications
from api_node.queries.applications import KnownApplication
from api_node.reads import answering_database_errors
from api_node.remembered import Remembered
from api_node.secret_uses import SecretUses
from shared.actor import ApplicationId
from shared.applications import ApplicationSecret, live_secrets
from shared.clock import Clock
from shared.errors import Unauthenticated
from shared.policy import is_admitted
from shared.principal import Principal, principal_of
from shared.rights_news import Concerned


class Applications:
    """Reads applications for one node, and notes which of their secrets are used."""

    def __init__(self, engine: AsyncEngine, uses: SecretUses, clock: Clock) -> None:
        self._engine = engine
        self._uses = uses
        self._clock = clock
        self._remembered: Remembered[KnownApplication] = Remembered(self.read, clock)

    async def of_key(self, key: str) -> Principal:
        """The application that sent a key, as somebody who acts.

        Raises Unauthenticated, whatever of it does not hold: its form, the application, its secret, its time, its
        department; DatabaseUnavailable.
        """
        application_id, shown = parse(key)
        found = await self._remembered.get(application_id)
        secret = _matching(shown, found.secrets if found else ())
        now = self._clock.now()
        if found is None or secret is None or not is_admitted(found.application, found.place, now):
            raise Unauthenticated
        self._uses.note(secret, now)
        return principal_of(found.application, found.place)

    async def read(self, application_id: int) -> KnownApplication | None:
        """The application as the database has it now, deleted or not; None when there is none. Raises
        DatabaseUnavailable."""
        async with answering_database_errors():
            return await applications.by_id(self._engine, application_id)

    def forget(self, application_id: int) -> None:
        """Read an application anew when it is asked for next: this node has just changed something about it."""
        self._remembered.forget(application_id)

    def forget_rights(self, who: Concerned) -> None:
        """The same where rights have changed: of this application, or of everybody."""
        if who == "everybody":
            self._remembered.forget_all()
        elif isinstance(who, ApplicationId):
            self.forget(who.number)


def _matching(shown: Secret, secrets: Sequence[ApplicationSecret]) -> ApplicationSecret | None:
    """The live secret that was shown. Each is compared in full: how long it takes tells nothing about any."""
    digest = shown.hash
    matches = [secret for secret in live_secrets(secrets) if hmac.compare_digest(secret.hash, digest)]
    return matches[0] if matches else None
