"""People, their sign-ins and the tasks of the board as both the nodes and the writer see them: frozen values and
their wire shape."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from shared.clock import iso
from shared.organisation import Place

Status = Literal["todo", "in-progress", "in-review", "done", "cancelled"]

MAX_TITLE: Final = 255
MAX_LABEL: Final = 50
MAX_DESCRIPTION_BYTES: Final = 65_535


@dataclass(frozen=True, slots=True)
class User:
    """One account. `password` is an argon2id hash and never leaves the process that reads it.

    `username` and `email` are login names, in lower case, and no two accounts share one. Raising `session_epoch` ends
    every session that was opened under an earlier one.
    """

    id: int
    email: str | None
    password: str
    department_id: int
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    session_epoch: int
    username: str
    real_name: str
    phone: str | None
    role_id: int
    status: int


@dataclass(frozen=True, slots=True)
class UserSession:
    """One sign-in, from the password to the logout or to `expires_at`, whichever comes first.

    Its refresh tokens share a family and each has a secret of its own; only their SHA-256 in hex is kept. `user_epoch`
    is the person's epoch when it was opened: once the two differ, the session is over.
    """

    id: int
    user_id: int
    user_epoch: int
    family_hash: str
    current_hash: str
    rotated_at: datetime | None
    expires_at: datetime
    ended_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Throttle:
    """How often something failed lately, and until when it may not be tried. `subject` is a keyed digest in hex of an
    e-mail, a person or an address, so that the table names nobody. `updated_at` is up to when its failures have leaked
    away (shared/throttling.py)."""

    id: int
    subject: str
    failures: int
    blocked_until: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Task:
    """One work item on the board. `version` rises by exactly one with every applied write."""

    id: int
    title: str
    category: str | None
    tag: str | None
    description: str | None
    status: Status
    created_by_user_id: int
    assigned_to_user_id: int | None
    department_id: int
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


def user_view(user: User, place: Place) -> dict[str, Any]:
    """What the API shows of an account, at every door: everything but the password. `role` is the code of a built-in
    role, as seed 000 has it, and the name of any other."""
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "realName": user.real_name,
        "phone": user.phone,
        "role": place.role_code or place.role_name,
        "roleId": user.role_id,
        "roleName": place.role_name,
        "departmentId": user.department_id,
        "departmentName": place.department_name,
        "status": user.status,
        "version": user.version,
        "createdAt": iso(user.created_at),
        "updatedAt": iso(user.updated_at),
    }


def task_view(task: Task) -> dict[str, Any]:
    """What the API shows of a task; `deletedAt` only on one that is deleted."""
    shown: dict[str, Any] = {
        "id": task.id,
        "title": task.title,
        "category": task.category,
        "tag": task.tag,
        "description": task.description,
        "status": task.status,
        "createdByUserId": task.created_by_user_id,
        "assignedToUserId": task.assigned_to_user_id,
        "departmentId": task.department_id,
        "version": task.version,
        "createdAt": iso(task.created_at),
        "updatedAt": iso(task.updated_at),
    }
    return shown if task.deleted_at is None else shown | {"deletedAt": iso(task.deleted_at)}
