"""Who acts: a person or an application as they are at this moment, with what their place lets them do.

Made from rows that were just read, by the node for each request and by the writer in each batch, and never kept longer
than those rows are believed.
"""

from dataclasses import dataclass
from datetime import datetime

from shared.actor import ActorId, ApplicationId
from shared.applications import Application
from shared.errors import PeopleOnly
from shared.model import User
from shared.organisation import ADMINISTRATOR, EMPLOYEE, ON, Place
from shared.permissions import Permission, permissions_of


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who is signed in, or a program with a key that holds.

    `is_global`: not bound to a department (the built-in administrator). Everybody else sees what is in the department
    of `path` and below. `sees_assigned_only`: of the board's tasks, those assigned to them (the built-in employee, seed
    000). `permissions` is empty for an account that has no effect: deleted, turned off, or by its role or department.
    """

    who: User | Application
    place: Place
    permissions: frozenset[Permission]
    is_global: bool
    sees_assigned_only: bool

    @property
    def id(self) -> ActorId:
        """Never equal to an id of the other kind."""
        return self.who.id if isinstance(self.who, User) else ApplicationId(self.who.id)

    @property
    def user(self) -> User:
        """The person. Raises PeopleOnly for an application: whatever asks this has none to act for."""
        if isinstance(self.who, User):
            return self.who
        raise PeopleOnly

    @property
    def user_id(self) -> int:
        """The person's id. Raises PeopleOnly."""
        return self.user.id

    @property
    def path(self) -> str:
        return self.place.path


def principal_of(who: User | Application, place: Place) -> Principal:
    """An account or an application, and its place, as somebody who acts."""
    is_active = is_effective(who, place)
    is_person = isinstance(who, User)
    return Principal(
        who=who,
        place=place,
        permissions=permissions_of(place.enabled_ids) if is_active else frozenset(),
        is_global=is_active and is_person and place.role_code == ADMINISTRATOR,
        sees_assigned_only=is_person and place.role_code == EMPLOYEE,
    )


def is_effective(who: User | Application, place: Place) -> bool:
    """Whether an account or an application may act at all."""
    return all(holds for _, holds in conditions(who, place))


def conditions(who: User | Application, place: Place) -> tuple[tuple[str, bool], ...]:
    """What that takes, each with whether it holds: it is neither deleted nor turned off, nor its role (of an
    application: always on), nor its department."""
    return (
        ("exists", who.deleted_at is None),
        ("is_on", who.status == ON),
        ("role_is_on", place.role_status == ON),
        ("department_is_on", place.department_enabled == ON),
    )


def has_expired(who: User | Application, now: datetime) -> bool:
    """Whether the time of an application is over; a person's account has none."""
    return isinstance(who, Application) and who.expires_at is not None and who.expires_at <= now
