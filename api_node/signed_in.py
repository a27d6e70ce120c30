"""A sign-in that was read, and the person it belongs to."""

from dataclasses import dataclass
from datetime import datetime

from shared.model import User, UserSession
from shared.organisation import Place
from shared.policy import is_signed_in
from shared.principal import Principal, principal_of


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The rows of one moment. The session may be over."""

    session: UserSession
    user: User
    place: Place

    def holds(self, now: datetime) -> bool:
        """Whether it lets its person in."""
        return is_signed_in(self.session, self.user, self.place, now)

    def principal(self) -> Principal:
        """The person as somebody who acts."""
        return principal_of(self.user, self.place)
