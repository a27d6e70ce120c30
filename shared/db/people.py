"""Reading accounts with where they stand: what the writer and the nodes select of somebody who acts, or is shown."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause

from shared.db.grants import granted_ids, ids_of
from shared.db.tables import department, role, role_permission, user_table
from shared.model import User
from shared.organisation import Place

Person = tuple[User, Place]

OF_A_USER: Final = tuple(user_table.columns)


OF_A_PLACE: Final[tuple[ColumnElement[Any], ...]] = (
    role.c.code,
    role.c.name,
    role.c.status,
    granted_ids(role_permission.c.role_id),
    granted_ids(role_permission.c.role_id, only_enabled=True),
    department.c.name,
    department.c.path,
    department.c.enabled,
)
_GRANTS: Final = slice(3, 5)


def with_places(accounts: FromClause) -> FromClause:
    """Accounts joined with their roles and departments; `accounts` has `user_table` in it."""
    return accounts.join(role, role.c.id == user_table.c.role_id).join(
        department, department.c.id == user_table.c.department_id
    )


def person_of(values: Sequence[Any]) -> Person:
    """The account and its place, of the values of OF_A_USER and OF_A_PLACE in this order."""
    of_user, of_place = values[: len(OF_A_USER)], list(values[len(OF_A_USER) :])
    of_place[_GRANTS] = map(ids_of, of_place[_GRANTS])
    return User(*of_user), Place(*of_place)
