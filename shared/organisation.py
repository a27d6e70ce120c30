"""Departments, roles and permissions as both the nodes and the writer see them: frozen values and their wire shape."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from shared.clock import iso

HEAD_OFFICE_ID: Final = 1
"""The department 总部, made by the first migration: the top of the tree that a newcomer without another belongs to."""

ADMINISTRATOR_ID: Final = 1
EMPLOYEE_ID: Final = 2
ADMINISTRATOR: Final = "admin"
EMPLOYEE: Final = "employee"
"""The two built-in roles by their codes, which are what seed 000 calls a role. Only they have one."""

ON: Final = 1
OFF: Final = 0
"""`status` of a department, role, permission or account: with OFF it has no effect, from one moment to the next."""

MAX_DEPTH: Final = 16
"""Levels of the tree of departments."""
MAX_PATH: Final = 255


@dataclass(frozen=True, slots=True)
class Department:
    """One node of the tree. `path` holds the ids from the top down to its own: `/1/5/`. `enabled` is 1 while its own
    status and those of all above it are ON. Both follow from the tree: what moves or turns off one changes them below
    it, without a version of theirs."""

    id: int
    name: str
    description: str | None
    parent_id: int | None
    path: str
    status: int
    enabled: int
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """What its people may. `live_name` is the name while it exists. `permission_ids` are all that it grants,
    `enabled_ids` those of them that are not turned off everywhere."""

    id: int
    code: str | None
    name: str
    live_name: str | None
    description: str | None
    status: int
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    permission_ids: frozenset[int] = frozenset()
    enabled_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """One right as the database has it: whether it is on, and what it is called."""

    id: int
    code: str
    name: str
    description: str | None
    status: int
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody stands: role and department at one moment, read with the account."""

    role_code: str | None
    role_name: str
    role_status: int
    permission_ids: frozenset[int]
    enabled_ids: frozenset[int]
    department_name: str
    path: str
    department_enabled: int

    def with_role(self, role: Role) -> "Place":
        """The same department with this role."""
        return replace(
            self,
            role_code=role.code,
            role_name=role.name,
            role_status=role.status,
            permission_ids=role.permission_ids,
            enabled_ids=role.enabled_ids,
        )

    def in_department(self, department: Department) -> "Place":
        """The same role in this department."""
        return replace(
            self, department_name=department.name, path=department.path, department_enabled=department.enabled
        )


def place_in(role: Role, department: Department) -> Place:
    """The same of rows that were read by themselves."""
    return Place(
        role_code=role.code,
        role_name=role.name,
        role_status=role.status,
        permission_ids=role.permission_ids,
        enabled_ids=role.enabled_ids,
        department_name=department.name,
        path=department.path,
        department_enabled=department.enabled,
    )


def is_below(path: str, top: str) -> bool:
    """Whether a department is another one, or below it."""
    return path.startswith(top)


def department_view(department: Department) -> dict[str, Any]:
    """What the API shows of a department."""
    return {
        "id": department.id,
        "name": department.name,
        "description": department.description,
        "parentId": department.parent_id,
        "status": department.status,
        "version": department.version,
        "createdAt": iso(department.created_at),
        "updatedAt": iso(department.updated_at),
    }


def role_view(role: Role) -> dict[str, Any]:
    """What the API shows of a role. `code` tells the built-in ones."""
    return {
        "id": role.id,
        "name": role.name,
        "code": role.code,
        "description": role.description,
        "permissions": sorted(role.permission_ids),
        "status": role.status,
        "version": role.version,
        "createdAt": iso(role.created_at),
        "updatedAt": iso(role.updated_at),
    }


def permission_view(permission: PermissionRow) -> dict[str, Any]:
    """What the API shows of a permission."""
    return {
        "id": permission.id,
        "name": permission.name,
        "code": permission.code,
        "description": permission.description,
        "status": permission.status,
        "version": permission.version,
    }
