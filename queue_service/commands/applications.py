"""create-application, update-application, delete-application, add-secret, revoke-secret, note-secret-uses: programs
with keys of their own (docs/adr/0018). Nobody lets a program do what they may not do themselves."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from queue_service.domain.accounts import seen_department
from queue_service.domain.command import Answer, Audit, Command, CommandKind, Decision, Needs
from queue_service.domain.events import Happening, application_event
from queue_service.domain.workingset import Change, WorkingSet
from shared.actor import ApplicationId
from shared.application_commands import (
    ApplicationPatch,
    ApplicationRef,
    NewApplication,
    NewSecret,
    SecretRef,
    SecretUses,
)
from shared.applications import (
    MOST_SECRETS,
    Application,
    ApplicationSecret,
    application_view,
    live_secrets,
    place_of,
)
from shared.errors import FieldError, Forbidden, Invalid, NotFound, PeopleOnly, TooManySecrets, VersionConflict
from shared.organisation import ON, Place
from shared.permissions import ID_OF, Permission, permissions_of
from shared.policy import may_give_scopes, sees_application
from shared.principal import Principal

LAST_USE_EVERY: Final = timedelta(minutes=1)
"""A secret's last use is written again when it is this much later than the one on record."""

_COLUMN_OF: Final = {"name": "name", "description": "description", "departmentId": "department_id", "status": "status"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """An application with what is shown of it."""

    application: Application
    place: Place
    secrets: tuple[ApplicationSecret, ...]

    def view(self) -> dict[str, Any]:
        return application_view(self.application, self.place, self.secrets)


def _create(data: NewApplication, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """An application in a department that the actor sees, with scopes that they have, and its first secret."""
    actor = _person(command, working)
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
    secret = _new_secret(application.id, data.secretHash, working, now)
    place = place_of(
        application, department_name=department.name, path=department.path, department_enabled=department.enabled
    )
    return _decision("created", "create", command, None, _Shown(application, place, (secret,)), secret)


def _update(data: ApplicationPatch, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Change an application; what its keys may do is another thing from the next moment on."""
    actor = _person(command, working)
    before = _managed(data.applicationId, command, actor, working)
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
    path, name, enabled = before.place.path, before.place.department_name, before.place.department_enabled
    if after.department_id != before.application.department_id:
        department = seen_department(working, after.department_id, actor, "departmentId")
        path, name, enabled = department.path, department.name, department.enabled
    place = place_of(after, department_name=name, path=path, department_enabled=enabled)
    return _decision("updated", "update", command, before, _Shown(after, place, before.secrets))


def _delete(data: ApplicationRef, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Take an application away; none of its keys opens anything any more. The row stays, marked deleted."""
    before = _managed(data.applicationId, command, _person(command, working), working)
    gone = replace(before.application, deleted_at=now, version=before.application.version + 1, updated_at=now)
    return _decision("deleted", "delete", command, before, replace(before, application=gone))


def _add_secret(data: NewSecret, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """One more secret. The others go on, so that programs can change over one after the other."""
    before = _managed(data.applicationId, command, _person(command, working), working)
    if len(live_secrets(before.secrets)) >= MOST_SECRETS:
        raise TooManySecrets
    secret = _new_secret(before.application.id, data.secretHash, working, now)
    after = replace(_touched(before, now), secrets=(*before.secrets, secret))
    return _decision("updated", "add-secret", command, before, after, secret)


def _revoke_secret(data: SecretRef, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """A secret that opens nothing from now on. The row stays: it says when it was used last."""
    before = _managed(data.applicationId, command, _person(command, working), working)
    secret = next((one for one in live_secrets(before.secrets) if one.id == data.secretId), None)
    if secret is None:
        raise NotFound
    revoked = replace(secret, revoked_at=now, version=secret.version + 1, updated_at=now)
    kept = tuple(revoked if one.id == secret.id else one for one in before.secrets)
    decision = _decision("updated", "revoke-secret", command, before, replace(_touched(before, now), secrets=kept))
    return replace(decision, changes=[*decision.changes, Change(secret, revoked)])


def _note_uses(data: SecretUses, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Write down last uses, none more than once a minute, whichever nodes tell of it. A node's clock may be ahead."""
    changes = []
    for secret_id, used_at in sorted({use.secretId: _instant(use.usedAt) for use in data.uses}.items()):
        secret = working.secrets.get(secret_id)
        at = min(used_at or now, now)
        if secret is None or (secret.last_used_at is not None and at - secret.last_used_at < LAST_USE_EVERY):
            continue
        changes.append(Change(secret, replace(secret, last_used_at=at, version=secret.version + 1, updated_at=now)))
    return Decision(Answer(200, {}), changes)


def _person(command: Command, working: WorkingSet) -> Principal | None:
    """Who asks. Raises PeopleOnly for an application: a key that makes keys would outlive its own revocation."""
    if isinstance(command.actor_id, ApplicationId):
        raise PeopleOnly
    return working.principal(command.actor_id)


def _managed(application_id: int, command: Command, actor: Principal | None, working: WorkingSet) -> _Shown:
    """The application as the actor sees it now. Raises NotFound, VersionConflict with the current one, and Forbidden
    for one that may do more than they: its next key would be theirs to use."""
    application = working.applications.get(application_id)
    if application is None or application.deleted_at is not None:
        raise NotFound
    place = working.places[ApplicationId(application_id)]
    if actor is not None and not sees_application(actor, application, place.path):
        raise NotFound
    found = _Shown(application, place, tuple(working.secrets_of(application_id)))
    if command.expected_version is not None and command.expected_version != application.version:
        raise VersionConflict(extra={"current": found.view()})
    if actor is not None and not may_give_scopes(actor, permissions_of(application.scope_ids)):
        raise Forbidden("this application may do more than you may")
    return found


def _given(codes: Iterable[str], actor: Principal | None) -> frozenset[int]:
    """The ids of scopes to give. Raises Forbidden for one that the actor lacks."""
    scopes = frozenset(map(Permission, codes))
    if actor is not None and not may_give_scopes(actor, scopes):
        raise Forbidden("you may only give scopes that you have yourself")
    return frozenset(ID_OF[scope] for scope in scopes)


def _enabled(ids: frozenset[int], working: WorkingSet) -> frozenset[int]:
    return frozenset(number for number in ids if working.permissions[number].status == ON)


def _new_secret(application_id: int, digest: str, working: WorkingSet, now: datetime) -> ApplicationSecret:
    return ApplicationSecret(
        id=working.ids.next(ApplicationSecret),
        application_id=application_id,
        hash=digest,
        revoked_at=None,
        last_used_at=None,
        version=1,
        created_at=now,
        updated_at=now,
    )


def _touched(shown: _Shown, now: datetime) -> _Shown:
    """With the next version: a secret more or less is another state of the application."""
    application = replace(shown.application, version=shown.application.version + 1, updated_at=now)
    return replace(shown, application=application)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _decision(
    happening: Happening,
    action: str,
    command: Command,
    before: _Shown | None,
    after: _Shown,
    new: ApplicationSecret | None = None,
) -> Decision:
    """The hash of a `new` secret tells the node whether the secret it made is the one that was stored: after a replay
    it is not."""
    view = after.view()
    audit = Audit(
        action=f"application.{action}",
        entity="application",
        entity_id=after.application.id,
        department_id=after.application.department_id,
        before=before.view() if before else None,
        after=None if after.application.deleted_at is not None else view,
    )
    changes = [Change(before.application if before else None, after.application)]
    return Decision(
        Answer(201 if before is None else 200, view | ({"secretHash": new.hash} if new else {})),
        [*changes, Change(None, new)] if new else changes,
        [application_event(happening, command, after.application, after.place.path)],
        [audit],
    )


def _needs_of_update(data: ApplicationPatch) -> Needs:
    given = data.updates.model_fields_set
    return Needs(
        application_ids=frozenset({data.applicationId}),
        department_ids=frozenset({data.updates.departmentId}) if "departmentId" in given else frozenset(),
        every_permission="scopes" in given,
    )


def _needs_it(data: ApplicationRef | NewSecret | SecretRef) -> Needs:
    return Needs(application_ids=frozenset({data.applicationId}))


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
    needs=_needs_it,
    decide=_delete,
)

ADD_SECRET: Final = CommandKind(
    name="add-secret",
    lane="access",
    permission=Permission.APPLICATION_MANAGE,
    data=NewSecret,
    needs=_needs_it,
    decide=_add_secret,
)

REVOKE_SECRET: Final = CommandKind(
    name="revoke-secret",
    lane="access",
    permission=Permission.APPLICATION_MANAGE,
    data=SecretRef,
    needs=_needs_it,
    decide=_revoke_secret,
)

NOTE_SECRET_USES: Final = CommandKind(
    name="note-secret-uses",
    lane="access",
    permission=None,
    data=SecretUses,
    needs=lambda data: Needs(secret_ids=frozenset(use.secretId for use in data.uses)),
    decide=_note_uses,
    is_for_the_system=True,
)
