"""Who is signed in: a session and its person, read together by key from the primary and believed for three seconds.

So a logout, a deleted or a demoted account is known on every node within that time, and on the node that ended the
session at once. A database that does not answer is a 503, never an open door.
"""

from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.queries import sessions
from api_node.reads import answering_database_errors
from api_node.remembered import Remembered
from api_node.signed_in import SignedIn
from api_node.tokens import AccessTokens
from shared.actor import ApplicationId
from shared.clock import Clock
from shared.errors import Unauthenticated
from shared.rights_news import Concerned


class Sessions:
    """Reads sign-ins for one node."""

    def __init__(self, engine: AsyncEngine, tokens: AccessTokens, clock: Clock) -> None:
        self._engine = engine
        self._tokens = tokens
        self._clock = clock
        self._remembered: Remembered[SignedIn] = Remembered(self.read, clock)

    async def of_token(self, token: str) -> SignedIn:
        """Who sent an access token. Raises Unauthenticated, DatabaseUnavailable."""
        named = self._tokens.read(token)
        signed_in = await self.of(named.session_id)
        if (signed_in.user.id, signed_in.user.session_epoch) != (named.user_id, named.epoch):
            raise Unauthenticated
        return signed_in

    async def of(self, session_id: int) -> SignedIn:
        """Whose session it is, as of three seconds ago at most. Raises Unauthenticated when it is over."""
        found = await self._remembered.get(session_id)
        if found is None or not found.holds(self._clock.now()):
            raise Unauthenticated
        return found

    async def read(self, session_id: int) -> SignedIn | None:
        """The session as the database has it now, over or not; None when there is none. Raises DatabaseUnavailable."""
        async with answering_database_errors():
            return await sessions.with_person(self._engine, session_id)

    def forget(self, session_id: int) -> None:
        """Read a session anew when it is asked for next: this node has just changed something about it."""
        self._remembered.forget(session_id)

    def forget_all_of(self, user_id: int) -> None:
        """The same for every session of a person."""
        self._remembered.forget_where(lambda found: found.user.id == user_id)

    def forget_rights(self, who: Concerned) -> None:
        """The same where rights have changed: of this person, or of everybody (a role, a department, a permission)."""
        if who == "everybody":
            self._remembered.forget_all()
        elif not isinstance(who, ApplicationId):
            self.forget_all_of(who)
