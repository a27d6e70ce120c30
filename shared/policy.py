"""Who may do what. Pure functions: the node asks them before it forwards, the writer asks them again in the batch.

A permission is checked by role; what a person sees of the board is checked by object. Seed 000's rules: an admin
creates and sees everything, an employee sees and changes what is assigned to them.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.model import Role, Task, User, UserSession


class Permission(StrEnum):
    """One right; the codes are part of the API."""

    BOARD_VIEW = "board:view"
    BOARD_CREATE = "board:create"
    BOARD_UPDATE = "board:update"
    BOARD_DELETE = "board:delete"
    USER_MANAGE = "user:manage"
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
    return task.deleted_at is None and sees_tasks_of(user, task.assigned_to_user_id)


def sees_tasks_of(user: User, assignee_id: int | None) -> bool:
    """Whether tasks that are assigned to this person (None: to nobody) exist for an account."""
    return sees_everything(user) or assignee_id == user.id


def sees_user(viewer: User, user: User) -> bool:
    """Whether an account exists as far as another one is concerned: their own does, and to who manages them all do."""
    return user.deleted_at is None and (viewer.id == user.id or has_permission(viewer, Permission.USER_MANAGE))


def is_signed_in(session: UserSession, user: User, now: datetime) -> bool:
    """Whether a session holds: neither ended nor expired, and neither the person nor all their sessions are gone."""
    is_over = session.ended_at is not None or session.expires_at <= now
    return not is_over and user.deleted_at is None and session.user_epoch == user.session_epoch
