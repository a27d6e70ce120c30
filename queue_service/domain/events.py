"""What the event stream says of people, sign-ins and the organisation. `departmentPath` is for the nodes: who sees that
department may be told."""

from typing import Any, Literal

from queue_service.domain.command import Command, Event
from shared.actor import actor_members
from shared.applications import Application
from shared.model import User, UserSession
from shared.organisation import Department, PermissionRow, Role

Happening = Literal["created", "updated", "deleted"]


def user_event(
    happening: Happening, command: Command, user: User, path: str, *, path_before: str | None = None
) -> Event:
    """An account was made, changed or taken away. Who saw it at `path_before` has to be told that it is gone."""
    where = {"departmentId": user.department_id, "departmentPath": path}
    if path_before not in (None, path):
        where["previousDepartmentPath"] = path_before
    return _event("user", happening, command, user.id, user.version, where)


def department_event(happening: Happening, command: Command, department: Department) -> Event:
    """A department was made, changed or taken away; with it, perhaps, what its people may do and see."""
    where = {"departmentId": department.id, "departmentPath": department.path}
    return _event("department", happening, command, department.id, department.version, where)


def role_event(happening: Happening, command: Command, role: Role) -> Event:
    """A role was made, changed or taken away."""
    return _event("role", happening, command, role.id, role.version, {})


def permission_event(command: Command, permission: PermissionRow) -> Event:
    """A permission was turned on or off."""
    return _event("permission", "updated", command, permission.id, permission.version, {})


def application_event(
    happening: Happening, command: Command, application: Application, path: str, *, path_before: str | None = None
) -> Event:
    """An application was made, changed (its secrets, too) or taken away. As for accounts, who saw it at `path_before`
    has to be told that it is gone."""
    where = {"departmentId": application.department_id, "departmentPath": path}
    if path_before not in (None, path):
        where["previousDepartmentPath"] = path_before
    return _event("application", happening, command, application.id, application.version, where)


def session_ended(command: Command, session: UserSession) -> Event:
    """A sign-in is over before its time."""
    return _event("session", "ended", command, session.id, session.version, {"userId": session.user_id})


def _event(entity: str, happening: str, command: Command, entity_id: int, version: int, more: dict[str, Any]) -> Event:
    body = {"type": f"{entity}.{happening}", "entity": entity, "id": entity_id, "version": version, **more}
    return Event(body | actor_members(command.actor_id) | {"requestId": command.request_id})
