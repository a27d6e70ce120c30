"""create-application, update-application, delete-application: programs with keys of their own (docs/adr/0018)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from queue_service.domain.accounts import seen_department
from queue_service.domain.applications import Shown, decision, managed, new_secret, person
from queue_service.domain.command import Command, CommandKind, Decision, Needs
from queue_service.domain.workingset import WorkingSet
from shared.application_commands import ApplicationPatch, ApplicationRef, NewApplication
from shared.applications import Application, place_of
from shared.errors import FieldError, Forbidden, Invalid
from shared.organisation import ON
from shared.permissions import ID_OF, Permission
from shared.policy import may_give_scopes
from shared.principal import Principal

_COLUMN_OF: Final = {"name": "name", "description": "description", "departmentId": "department_id", "status": "status"}


def _create(data: NewApplication, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """An application in a department that the actor sees, with scopes that they have, and its first secret."""
    actor = person(command, working)
    department = seen_department(working, data.departmentId, actor, "departmentId")
    scopes = _given(data.scopes, actor)
    application = Application(
        id=working.ids.next(Application),
        name=data.name,
        description=data.description,
        department_id=department.id,
        status=data.status,
        expires_at=_instant(data.expiresAt),
        created_by_user_id=actor.user_id if actor is not None else None,
        version=1,
        created_at=now,
        updated_at=now,
        scope_ids=scopes,
        enabled_ids=_enabled(scopes, working),
    )
    secret = new_secret(application.id, data.secretHash, working, now)
    place = place_of(
        application, department_name=department.name, path=department.path, department_enabled=department.enabled
    )
    return decision("created", "create", command, None, Shown(application, place, (secret,)), secret)


def _update(data: ApplicationPatch, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Change an application; what its keys may do is another thing from the next moment on."""
    actor = person(command, working)
    before = managed(data.applicationId, command, actor, working)
    given = data.updates.model_fields_set
    if not given:
        raise Invalid(errors=[FieldError("updates", "names nothing to change")])
    members: dict[str, Any] = {_COLUMN_OF[name]: getattr(data.updates, name) for name in given & _COLUMN_OF.keys()}
    if "expiresAt" in given:
        members["expires_at"] = _instant(data.updates.expiresAt)
    if "scopes" in given:
        members["scope_ids"] = _given(data.updates.scopes, actor)
        members["enabled_ids"] = _enabled(members["scope_ids"], working)
    after = replace(before.application, **members, version=before.application.version + 1, updated_at=now)
    place = before.place
    if after.department_id != before.application.department_id:
        place = place.in_department(seen_department(working, after.department_id, actor, "departmentId"))
    return decision("updated", "update", command, before, Shown(after, place, before.secrets))


def _delete(data: ApplicationRef, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Take an application away; none of its keys opens anything any more. The row stays, marked deleted."""
    before = managed(data.applicationId, command, person(command, working), working)
    gone = replace(before.application, deleted_at=now, version=before.application.version + 1, updated_at=now)
    return decision("deleted", "delete", command, before, replace(before, application=gone))


def _given(codes: Iterable[str], actor: Principal | None) -> frozenset[int]:
    """The ids of scopes to give. Raises Forbidden for one that the actor lacks."""
    scopes = frozenset(map(Permission, codes))
    if actor is not None and not may_give_scopes(actor, scopes):
        raise Forbidden("you may only give scopes that you have yourself")
    return frozenset(ID_OF[scope] for scope in scopes)


def _enabled(ids: frozenset[int], working: WorkingSet) -> frozenset[int]:
    return frozenset(number for number in ids if working.permissions[number].status == ON)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _needs_of_update(data: ApplicationPatch) -> Needs:
    given = data.updates.model_fields_set
    return Needs(
        application_ids=frozenset({data.applicationId}),
        department_ids=frozenset({data.updates.departmentId}) if "departmentId" in given else frozenset(),
        every_permission="scopes" in given,
    )


CREATE_APPLICATION: Final = CommandKind(
    name="create-application",
    lane="access",
    permission=Permission.APPLICATION_MANAGE,
    data=NewApplication,
    needs=lambda data: Needs(department_ids=frozenset({data.departmentId}), every_permission=True),
    decide=_create,
)

UPDATE_APPLICATION: Final = CommandKind(
    name="update-application",
    lane="access",
    permission=Permission.APPLICATION_MANAGE,
    data=ApplicationPatch,
    needs=_needs_of_update,
    decide=_update,
)

DELETE_APPLICATION: Final = CommandKind(
    name="delete-application",
    lane="access",
    permission=Permission.APPLICATION_MANAGE,
    data=ApplicationRef,
    needs=lambda data: Needs(application_ids=frozenset({data.applicationId})),
    decide=_delete,
)
