"""People for tests that need no database: accounts, where they stand, and somebody who acts."""

from datetime import UTC, datetime
from typing import Any, Final

from shared.model import User
from shared.organisation import ADMINISTRATOR, ADMINISTRATOR_ID, EMPLOYEE, EMPLOYEE_ID, HEAD_OFFICE_ID, ON, Place
from shared.permissions import ID_OF, Permission
from shared.principal import Principal, principal_of

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
OF_EMPLOYEES: Final = (Permission.BOARD_VIEW, Permission.BOARD_UPDATE)
MANAGER_ID: Final = 3


def account(user_id: int, **members: Any) -> User:
    """An account of the head office, an employee's unless `role_id` says another one."""
    email = f"{user_id}@example.com"
    given: dict[str, Any] = {
        "email": email,
        "password": "",
        "department_id": HEAD_OFFICE_ID,
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
        "deleted_at": None,
        "session_epoch": 1,
        "username": email,
        "real_name": str(user_id),
        "phone": None,
        "role_id": EMPLOYEE_ID,
        "status": ON,
    }
    return User(id=user_id, **given | members)


def place(role_code: str | None = EMPLOYEE, *granted: Permission, path: str = "/1/", is_on: int = ON) -> Place:
    """A built-in role with what it grants, or one of somebody's own (None) with what is `granted`."""
    of_code = {ADMINISTRATOR: tuple(Permission), EMPLOYEE: OF_EMPLOYEES}
    ids = frozenset(ID_OF[permission] for permission in (of_code[role_code] if role_code else granted))
    return Place(
        role_code=role_code,
        role_name=role_code or "a role",
        role_status=ON,
        permission_ids=ids,
        enabled_ids=ids,
        department_name="总部",
        path=path,
        department_enabled=is_on,
    )


def administrator(user_id: int = 1) -> Principal:
    """Somebody who may and sees everything."""
    return principal_of(account(user_id, role_id=ADMINISTRATOR_ID), place(ADMINISTRATOR))


def employee(user_id: int) -> Principal:
    """Somebody who sees what is assigned to them."""
    return principal_of(account(user_id), place(EMPLOYEE))


def manager(user_id: int, path: str, *granted: Permission) -> Principal:
    """Somebody with a role of one's own in a department."""
    return principal_of(account(user_id, role_id=MANAGER_ID), place(None, *granted, path=path))
