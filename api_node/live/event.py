"""What a committed change looks like to one person: the same message for all who see it, and nothing for the others."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from shared.jsonio import dumps
from shared.permissions import Permission
from shared.policy import has_permission, sees_department, sees_tasks_of
from shared.position import Position, as_text
from shared.principal import Principal
from shared.rights_news import Concerned, concerned

_MANAGED_BY: Final = MappingProxyType(
    {
        "user": Permission.USER_MANAGE,
        "department": Permission.DEPARTMENT_MANAGE,
        "role": Permission.ROLE_MANAGE,
        "permission": Permission.ROLE_MANAGE,
        "application": Permission.APPLICATION_MANAGE,
    }
)
_SHOWN: Final = ("entity", "id", "version", "departmentId", "assignedToUserId", "actorId", "applicationId", "at")


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One change as a node keeps it. `whole` is the message for whoever sees the object, `hidden` the one for those
    it was taken away from; ids and versions, never a title or a name. `path` is the department it is in, `path_before`
    the one an account was moved out of ("" for none). `concerned` is whose rights it may have changed.
    """

    position: Position
    entity: str
    id: int
    whole: str
    hidden: str
    path: str
    path_before: str
    assigned_to: int | None
    assigned_before: int | None
    concerned: Concerned | None


def from_wire(position: Position, body: dict[str, Any]) -> LiveEvent:
    """One line of the queue service's stream."""
    at = as_text(position)
    entity = str(body.get("entity", ""))
    whole = {"type": body.get("type"), "position": at} | {name: body[name] for name in _SHOWN if name in body}
    hidden = {"type": f"{entity}.hidden", "position": at, "entity": entity, "id": body.get("id")}
    return LiveEvent(
        position,
        entity,
        body.get("id", 0),
        dumps(whole).decode(),
        dumps(hidden).decode(),
        body.get("departmentPath", ""),
        body.get("previousDepartmentPath", ""),
        body.get("assignedToUserId"),
        body.get("previouslyAssignedToUserId"),
        concerned(body),
    )


def message_for(viewer: Principal, event: LiveEvent) -> str | None:
    """What this person is told of the change; None when it does not exist for them.

    The board's own rule (`shared.policy`). Accounts, applications, departments, roles and permissions are the business
    of who manages them; of any other kind of object nobody is told.
    """
    if event.entity in _MANAGED_BY:
        if not has_permission(viewer, _MANAGED_BY[event.entity]):
            return None
        if not event.path or sees_department(viewer, event.path):
            return event.whole
        return event.hidden if event.path_before and sees_department(viewer, event.path_before) else None
    if event.entity != "task":
        return None
    if sees_tasks_of(viewer, event.assigned_to, event.path):
        return event.whole
    return event.hidden if event.assigned_before == viewer.id else None
