"""create-role, update-role, delete-role, update-permission (seed 004). Nobody grants, or takes away, a permission that
they do not have themselves, nor one of somebody outside their department."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from queue_service.domain.command import Answer, Audit, Command, CommandKind, Decision, Needs
from queue_service.domain.events import Happening, permission_event, role_event
from queue_service.domain.workingset import Change, WorkingSet
from shared.errors import (
    BuiltIn,
    FieldError,
    Forbidden,
    InUse,
    Invalid,
    NotFound,
    RoleNameTaken,
    VersionConflict,
)
from shared.organisation import ADMINISTRATOR, EMPLOYEE, ON, Role, permission_view, role_view
from shared.organisation_commands import NewRole, PermissionPatch, RolePatch, RoleRef
from shared.permissions import ID_OF, Permission, permissions_of
from shared.policy import holds_all, may_grant, sees_department
from shared.principal import Principal

_COLUMN_OF: Final = {"name": "name", "description": "description", "status": "status"}


def _create(data: NewRole, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """A role that grants some of what the actor may."""
    granted = _granted(data.permissions, working.principal(command.actor_id), working)
    _require_free(data.name, None, working)
    role = Role(
        id=working.ids.next(Role),
        code=None,
        name=data.name,
        live_name=data.name,
        description=data.description,
        status=data.status,
        version=1,
        created_at=now,
        updated_at=now,
        permission_ids=granted,
        enabled_ids=_enabled(granted, working),
    )
    return _decision(201, "created", command, None, role)


def _update(data: RolePatch, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Change a role, for everybody who has it. The administrator's stays what it is: everything."""
    actor = working.principal(command.actor_id)
    before = _existing(data.roleId, command, working)
    _require_theirs(before, actor, working)
    given = data.updates.model_fields_set
    if not given:
        raise Invalid(errors=[FieldError("updates", "names nothing to change")])
    members: dict[str, Any] = {_COLUMN_OF[name]: getattr(data.updates, name) for name in given & _COLUMN_OF.keys()}
    after = replace(before, **members, version=before.version + 1, updated_at=now)
    after = replace(after, live_name=after.name)
    if "permissions" in given:
        granted = _granted(data.updates.permissions, actor, working)
        after = replace(after, permission_ids=granted, enabled_ids=_enabled(granted, working))
    if before.code == ADMINISTRATOR and (after.permission_ids, after.status) != (before.permission_ids, before.status):
        raise BuiltIn("the administrator's role has every permission, and is on")
    _require_free(after.name, before, working)
    return _decision(200, "updated", command, before, after)


def _delete(data: RoleRef, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Take a role away that nobody has. The row stays, marked deleted; its name is free again."""
    before = _existing(data.roleId, command, working)
    _require_theirs(before, working.principal(command.actor_id), working)
    if before.code is not None:
        raise BuiltIn
    users = working.holders_of_role(before.id).total()
    if users:
        raise InUse(extra={"usedBy": {"users": users}})
    after = replace(before, live_name=None, deleted_at=now, version=before.version + 1, updated_at=now)
    return _decision(200, "deleted", command, before, after)


def _turn(data: PermissionPatch, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Turn a permission on or off, in every role at once. An administrator's business: it reaches everybody."""
    actor = working.principal(command.actor_id)
    before = working.permissions.get(data.permissionId)
    if before is None:
        raise NotFound
    if actor is not None and not actor.is_global:
        raise Forbidden("only an administrator turns a permission on or off for everybody")
    if command.expected_version is not None and command.expected_version != before.version:
        raise VersionConflict(extra={"current": permission_view(before)})
    if before.id == ID_OF[Permission.ROLE_MANAGE] and data.status != ON:
        raise BuiltIn("without it nobody could turn it on again")
    after = replace(before, status=data.status, version=before.version + 1, updated_at=now)
    audit = Audit("permission.update", "permission", after.id, None, permission_view(before), permission_view(after))
    return Decision(
        Answer(200, permission_view(after)), [Change(before, after)], [permission_event(command, after)], [audit]
    )


def _existing(role_id: int, command: Command, working: WorkingSet) -> Role:
    """The role. Raises NotFound, and VersionConflict with the current one."""
    role = working.roles.get(role_id)
    if role is None or role.deleted_at is not None:
        raise NotFound
    if command.expected_version is not None and command.expected_version != role.version:
        raise VersionConflict(extra={"current": role_view(role)})
    return role


def _require_theirs(role: Role, actor: Principal | None, working: WorkingSet) -> None:
    """Raise Forbidden for a role that is not the actor's to change. It grants to all who have it, each in their own
    department: to add a right to a role that somebody elsewhere has would hand on a right over that place, which the
    actor does not have. The built-in one of employees is given to newcomers, at the top of the tree."""
    if actor is None or actor.is_global:
        return
    if not may_grant(actor, role):
        raise Forbidden("this role may do more than you may")
    if role.code is not None:
        raise Forbidden("only an administrator changes a built-in role")
    places = (working.departments[department_id].path for department_id in working.holders_of_role(role.id))
    if not all(sees_department(actor, path) for path in places):
        raise Forbidden("somebody outside your department has this role")


def _granted(ids: list[int], actor: Principal | None, working: WorkingSet) -> frozenset[int]:
    """The permissions to grant. Raises Invalid for one that is not there, Forbidden for one the actor lacks."""
    unknown = sorted(set(ids) - working.permissions.keys())
    if unknown:
        raise Invalid(errors=[FieldError("permissions", f"names no permission: {unknown[0]}")])
    if actor is not None and not holds_all(actor, permissions_of(ids)):
        raise Forbidden("you may only grant permissions that you have yourself")
    return frozenset(ids)


def _enabled(ids: frozenset[int], working: WorkingSet) -> frozenset[int]:
    return frozenset(number for number in ids if working.permissions[number].status == ON)


def _require_free(name: str, role: Role | None, working: WorkingSet) -> None:
    """Raise RoleNameTaken for the name of another role than this one (None: a new one), and for the code of another:
    an account is shown with either, so its people would look like administrators."""
    holder = working.roles_by_name.get(name)
    is_code = name.casefold() in (ADMINISTRATOR, EMPLOYEE) and (role is None or role.code != name.casefold())
    if is_code or (holder is not None and (role is None or holder.id != role.id)):
        raise RoleNameTaken


def _decision(status: int, happening: Happening, command: Command, before: Role | None, after: Role) -> Decision:
    audit = Audit(
        action=f"role.{happening.removesuffix('d')}",
        entity="role",
        entity_id=after.id,
        department_id=None,
        before=role_view(before) if before else None,
        after=None if after.deleted_at is not None else role_view(after),
    )
    return Decision(
        Answer(status, role_view(after)), [Change(before, after)], [role_event(happening, command, after)], [audit]
    )


def _needs_of_update(data: RolePatch) -> Needs:
    names = frozenset({data.updates.name}) if "name" in data.updates.model_fields_set else frozenset()
    return replace(_needs_of_a_change(data.roleId), role_names=names)


def _needs_of_a_change(role_id: int) -> Needs:
    return Needs(role_ids=frozenset({role_id}), uses_of_roles=frozenset({role_id}), whole_organisation=True)


CREATE_ROLE: Final = CommandKind(
    name="create-role",
    lane="access",
    permission=Permission.ROLE_MANAGE,
    data=NewRole,
    needs=lambda data: Needs(role_names=frozenset({data.name}), whole_organisation=True),
    decide=_create,
)

UPDATE_ROLE: Final = CommandKind(
    name="update-role",
    lane="access",
    permission=Permission.ROLE_MANAGE,
    data=RolePatch,
    needs=_needs_of_update,
    decide=_update,
)

DELETE_ROLE: Final = CommandKind(
    name="delete-role",
    lane="access",
    permission=Permission.ROLE_MANAGE,
    data=RoleRef,
    needs=lambda data: _needs_of_a_change(data.roleId),
    decide=_delete,
)

UPDATE_PERMISSION: Final = CommandKind(
    name="update-permission",
    lane="access",
    permission=Permission.ROLE_MANAGE,
    data=PermissionPatch,
    needs=lambda data: Needs(whole_organisation=True),
    decide=_turn,
)
