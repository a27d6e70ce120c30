"""Who acts: a person as they are at this moment, with what their role and department let them do.

Made from rows that were just read, by the node for each request and by the writer in each batch, and never kept longer
than those rows are believed.
"""

from dataclasses import dataclass

from shared.model import User
from shared.organisation import ADMINISTRATOR, EMPLOYEE, ON, Place
from shared.permissions import Permission, permissions_of


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who is signed in.

    `is_global`: not bound to a department (the built-in administrator). Everybody else sees what is in the department
    of `path` and below. `sees_assigned_only`: of the board's tasks, those assigned to them (the built-in employee, seed
    000). `permissions` is empty for an account that has no effect: deleted, turned off, or by its role or department.
    """

    user: User
    place: Place
    permissions: frozenset[Permission]
    is_global: bool
    sees_assigned_only: bool

    @property
    def user_id(self) -> int:
        return self.user.id

    @property
    def path(self) -> str:
        return self.place.path


def principal_of(user: User, place: Place) -> Principal:
    """An account and its place as somebody who acts."""
    is_active = is_effective(user, place)
    return Principal(
        user=user,
        place=place,
        permissions=permissions_of(place.enabled_ids) if is_active else frozenset(),
        is_global=is_active and place.role_code == ADMINISTRATOR,
        sees_assigned_only=place.role_code == EMPLOYEE,
    )


def is_effective(user: User, place: Place) -> bool:
    """Whether an account may act at all: neither deleted nor turned off, nor its role, nor its department."""
    statuses = (user.status, place.role_status, place.department_enabled)
    return user.deleted_at is None and all(status == ON for status in statuses)
