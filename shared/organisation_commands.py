"""The data of every command about departments, roles and permissions (seed 004)."""

from typing import Annotated

from pydantic import Field, StringConstraints

from shared.commands import CommandData, OnOrOff, RowId
from shared.permissions import PERMISSION_OF

_VISIBLE = Field(json_schema_extra={"pattern": r"\S"})
DepartmentName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), _VISIBLE]
RoleName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), _VISIBLE]
PermissionIds = Annotated[list[RowId], Field(max_length=10 * len(PERMISSION_OF))]


class NewDepartment(CommandData):
    """create-department, below `parentId`; without one it is at the top."""

    name: DepartmentName
    description: Annotated[str, StringConstraints(max_length=500)] | None = None
    parentId: RowId | None = None
    status: OnOrOff


class DepartmentUpdates(CommandData):
    """The members to change; one that is absent stays as it is (its default here is never used)."""

    name: DepartmentName = ""
    description: Annotated[str, StringConstraints(max_length=500)] | None = None
    parentId: RowId | None = None
    status: OnOrOff = 1


class DepartmentPatch(CommandData):
    """update-department. A new `parentId` moves it with all that is below."""

    departmentId: RowId
    updates: DepartmentUpdates


class DepartmentRef(CommandData):
    """delete-department."""

    departmentId: RowId


class NewRole(CommandData):
    """create-role. `permissions` are ids."""

    name: RoleName
    description: Annotated[str, StringConstraints(max_length=255)] | None = None
    permissions: PermissionIds
    status: OnOrOff


class RoleUpdates(CommandData):
    """The members to change; one that is absent stays as it is (its default here is never used)."""

    name: RoleName = ""
    description: Annotated[str, StringConstraints(max_length=255)] | None = None
    permissions: PermissionIds = Field(default=[])
    status: OnOrOff = 1


class RolePatch(CommandData):
    """update-role."""

    roleId: RowId
    updates: RoleUpdates


class RoleRef(CommandData):
    """delete-role."""

    roleId: RowId


class PermissionPatch(CommandData):
    """update-permission: on or off, for every role that grants it."""

    permissionId: RowId
    status: OnOrOff
