"""Who may do what. Pure functions: the node asks them before it forwards, the writer asks them again in the batch.

A permission is checked by role; what a person sees of the board is checked by object. Seed 000's rules: an admin
creates and sees everything, an employee sees and changes what is assigned to them.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.model import Role, Task, User


class Permission(StrEnum):
    """One right; the codes are part of the API."""

    BOARD_VIEW = "board:view"
    BOARD_CREATE = "board:create"
    BOARD_UPDATE = "board:update"
    BOARD_DELETE = "board:delete"
    SYSTEM_VIEW = "system:view"


PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        "admin": frozenset(Permission),
        "employee": frozenset({Permission.BOARD_VIEW, Permission.BOARD_UPDATE}),
    }
)


def has_permission(user: User, permission: Permission) -> bool:
    """Whether an account holds a right now. A deleted account and an unknown role hold none."""
    return user.deleted_at is None and permission in PERMISSIONS.get(user.role, frozenset())


def sees_everything(user: User) -> bool:
    """Whether the board is whole for this account."""
    return user.role == "admin"


def sees_task(user: User, task: Task) -> bool:
    """Whether a task exists as far as this account is concerned; a deleted one exists for nobody."""
    return task.deleted_at is None and (sees_everything(user) or task.assigned_to_user_id == user.id)
