"""create-department, update-department, delete-department: the tree (seed 004). Whoever manages departments does so in
their own and below; the top of the tree is an administrator's."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from queue_service.domain.accounts import require_administrator_besides, seen_department
from queue_service.domain.command import Answer, Audit, Command, CommandKind, Decision, Needs
from queue_service.domain.events import Happening, department_event
from queue_service.domain.workingset import Change, Uses, WorkingSet
from shared.errors import BuiltIn, FieldError, Forbidden, InUse, Invalid, NotFound, VersionConflict
from shared.organisation import (
    HEAD_OFFICE_ID,
    MAX_DEPTH,
    MAX_PATH,
    OFF,
    ON,
    Department,
    department_view,
    is_below,
)
from shared.organisation_commands import DepartmentPatch, DepartmentRef, NewDepartment
from shared.permissions import Permission
from shared.policy import may_grant, sees_department
from shared.principal import Principal

_COLUMN_OF: Final = {"name": "name", "description": "description", "parentId": "parent_id", "status": "status"}


def _create(data: NewDepartment, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """A department below one that the actor sees; at the top, by an administrator alone."""
    parent = _parent(data.parentId, working.principal(command.actor_id), working)
    department_id = working.ids.next(Department)
    made = Department(
        id=department_id,
        name=data.name,
        description=data.description,
        parent_id=data.parentId,
        path=_path_below(parent, department_id),
        status=data.status,
        enabled=_enabled_below(parent, data.status),
        version=1,
        created_at=now,
        updated_at=now,
    )
    _require_room([made])
    return _decision(201, "created", command, None, made, [Change(None, made)])


def _update(data: DepartmentPatch, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Change a department, move it with all below, turn it off with all below."""
    actor = working.principal(command.actor_id)
    before = _visible(data.departmentId, command, actor, working)
    given = data.updates.model_fields_set
    if not given:
        raise Invalid(errors=[FieldError("updates", "names nothing to change")])
    members: dict[str, Any] = {_COLUMN_OF[name]: getattr(data.updates, name) for name in given}
    after = replace(before, **members, version=before.version + 1, updated_at=now)
    if (after.parent_id, after.status) != (before.parent_id, before.status) and _is_own(actor, before):
        raise Forbidden("your own department is moved, and turned on or off, from above")
    parent = working.departments.get(before.parent_id) if before.parent_id is not None else None
    if after.parent_id != before.parent_id:
        parent = _parent(after.parent_id, actor, working)
        if parent is not None and is_below(parent.path, before.path):
            raise Invalid(errors=[FieldError("parentId", "is the department itself, or below it")])
    after = replace(after, path=_path_below(parent, after.id), enabled=_enabled_below(parent, after.status))
    below = list(_replanted(before, after, working))
    _require_room([after, *(child for _, child in below)])
    turned_off = [new.id for old, new in [(before, after), *below] if old.enabled == ON and new.enabled != ON]
    if turned_off:
        if actor is not None and not all(may_grant(actor, role) for role in working.roles_in(turned_off)):
            raise Forbidden("somebody there may do more than you may")
        require_administrator_besides(working, departments=turned_off)
    changes = [Change(before, after), *(Change(old, new) for old, new in below if old != new)]
    return _decision(200, "updated", command, before, after, changes)


def _delete(data: DepartmentRef, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Take an empty department away. The row stays, marked deleted."""
    actor = working.principal(command.actor_id)
    before = _visible(data.departmentId, command, actor, working)
    if before.id == HEAD_OFFICE_ID:
        raise BuiltIn("newcomers belong to it")
    if _is_own(actor, before):
        raise Forbidden("your own department is deleted from above")
    uses = working.uses_of_department(before.id)
    if uses != Uses():
        raise InUse(extra={"usedBy": uses.by_kind()})
    after = replace(before, deleted_at=now, version=before.version + 1, updated_at=now)
    return _decision(200, "deleted", command, before, after, [Change(before, after)])


def _visible(department_id: int, command: Command, actor: Principal | None, working: WorkingSet) -> Department:
    """The department as the actor sees it now. Raises NotFound, and VersionConflict with the current one."""
    department = working.departments.get(department_id)
    if department is None or department.deleted_at is not None:
        raise NotFound
    if actor is not None and not sees_department(actor, department.path):
        raise NotFound
    if command.expected_version is not None and command.expected_version != department.version:
        raise VersionConflict(extra={"current": department_view(department)})
    return department


def _parent(parent_id: int | None, actor: Principal | None, working: WorkingSet) -> Department | None:
    if parent_id is None:
        if actor is not None and not actor.is_global:
            raise Forbidden("only an administrator puts a department at the top")
        return None
    return seen_department(working, parent_id, actor, "parentId")


def _is_own(actor: Principal | None, department: Department) -> bool:
    """Whether it is the top of what somebody sees, who is no administrator."""
    return actor is not None and not actor.is_global and actor.path == department.path


def _path_below(parent: Department | None, department_id: int) -> str:
    return f"{parent.path if parent else '/'}{department_id}/"


def _enabled_below(parent: Department | None, status: int) -> int:
    return ON if status == ON and (parent is None or parent.enabled == ON) else OFF


def _replanted(before: Department, after: Department, working: WorkingSet) -> Iterator[tuple[Department, Department]]:
    """Everything below a department, as it was and as it is once that one has changed; from the top down."""
    parents = {after.id: after}
    below = [d for d in working.departments.values() if d.id != before.id and is_below(d.path, before.path)]
    for old in sorted(below, key=lambda d: len(d.path.split("/"))):
        parent = parents[old.parent_id or 0]
        new = replace(old, path=_path_below(parent, old.id), enabled=_enabled_below(parent, old.status))
        parents[new.id] = new
        yield old, new


def _require_room(departments: list[Department]) -> None:
    if any(len(d.path) > MAX_PATH or d.path.count("/") - 1 > MAX_DEPTH for d in departments):
        raise Invalid(errors=[FieldError("parentId", f"would make the tree deeper than {MAX_DEPTH} levels")])


def _decision(
    status: int,
    happening: Happening,
    command: Command,
    before: Department | None,
    after: Department,
    changes: list[Change],
) -> Decision:
    is_gone = after.deleted_at is not None
    audit = Audit(
        action=f"department.{happening.removesuffix('d')}",
        entity="department",
        entity_id=after.id,
        department_id=after.id,
        before=department_view(before) if before else None,
        after=None if is_gone else department_view(after),
    )
    return Decision(
        Answer(status, department_view(after)), changes, [department_event(happening, command, after)], [audit]
    )


CREATE_DEPARTMENT: Final = CommandKind(
    name="create-department",
    lane="access",
    permission=Permission.DEPARTMENT_MANAGE,
    data=NewDepartment,
    needs=lambda data: Needs(department_ids=frozenset({data.parentId}) if data.parentId else frozenset()),
    decide=_create,
)

UPDATE_DEPARTMENT: Final = CommandKind(
    name="update-department",
    lane="access",
    permission=Permission.DEPARTMENT_MANAGE,
    data=DepartmentPatch,
    needs=lambda data: Needs(
        whole_organisation=True,
        whether_administrators_remain=True,
        people_below=frozenset({data.departmentId})
        if data.updates.model_fields_set & {"status", "parentId"}
        else frozenset(),
    ),
    decide=_update,
)

DELETE_DEPARTMENT: Final = CommandKind(
    name="delete-department",
    lane="access",
    permission=Permission.DEPARTMENT_MANAGE,
    data=DepartmentRef,
    needs=lambda data: Needs(whole_organisation=True, uses_of_departments=frozenset({data.departmentId})),
    decide=_delete,
)
