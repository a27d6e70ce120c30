"""The rights there are. Their codes are part of the API; their ids are given by the migrations and never change.

Seed 004's eight (`task:*` is about jobs and schedules), seed 000's board, and ours.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Permission(StrEnum):
    """One right, in the order of the ids: the first is 1."""

    TASK_VIEW = "task:view"
    TASK_CREATE = "task:create"
    TASK_UPDATE = "task:update"
    TASK_DELETE = "task:delete"
    RECORD_VIEW = "record:view"
    DEPARTMENT_MANAGE = "department:manage"
    USER_MANAGE = "user:manage"
    ROLE_MANAGE = "role:manage"
    BOARD_VIEW = "board:view"
    BOARD_CREATE = "board:create"
    BOARD_UPDATE = "board:update"
    BOARD_DELETE = "board:delete"
    UNIT_MANAGE = "unit:manage"
    QUEUE_MANAGE = "queue:manage"
    APPLICATION_MANAGE = "application:manage"
    AUDIT_VIEW = "audit:view"
    SYSTEM_VIEW = "system:view"


PERMISSION_OF: Final[Mapping[int, Permission]] = MappingProxyType(dict(enumerate(Permission, 1)))
"""By id, as the table `permission` has it."""

ID_OF: Final[Mapping[Permission, int]] = MappingProxyType({code: number for number, code in PERMISSION_OF.items()})


def permissions_of(ids: Iterable[int]) -> frozenset[Permission]:
    """The rights behind some ids. One that this program does not know (a newer one made it) grants nothing here."""
    return frozenset(PERMISSION_OF[number] for number in ids if number in PERMISSION_OF)
