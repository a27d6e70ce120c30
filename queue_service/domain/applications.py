"""Rules that every command about an application keeps: a person answers for it, and nobody lets a program do what they
may not do themselves (docs/adr/0018)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from queue_service.domain.command import Answer, Audit, Command, Decision
from queue_service.domain.events import Happening, application_event
from queue_service.domain.workingset import Change, WorkingSet
from shared.actor import ApplicationId
from shared.applications import Application, ApplicationSecret, application_view
from shared.errors import Forbidden, NotFound, PeopleOnly, VersionConflict
from shared.organisation import Place
from shared.permissions import permissions_of
from shared.policy import may_give_scopes, sees_application
from shared.principal import Principal


@dataclass(frozen=True, slots=True)
class Shown:
    """An application with what is shown of it."""

    application: Application
    place: Place
    secrets: tuple[ApplicationSecret, ...]

    def view(self) -> dict[str, Any]:
        return application_view(self.application, self.place, self.secrets)


def person(command: Command, working: WorkingSet) -> Principal | None:
    """Who asks. Raises PeopleOnly for an application: a key that makes keys would outlive its own revocation."""
    if isinstance(command.actor_id, ApplicationId):
        raise PeopleOnly
    return working.principal(command.actor_id)


def managed(application_id: int, command: Command, actor: Principal | None, working: WorkingSet) -> Shown:
    """The application as the actor sees it now. Raises NotFound, VersionConflict with the current one, and Forbidden
    for one that may do more than they: its next key would be theirs to use."""
    application = working.applications.get(application_id)
    if application is None or application.deleted_at is not None:
        raise NotFound
    place = working.places[ApplicationId(application_id)]
    if actor is not None and not sees_application(actor, application, place.path):
        raise NotFound
    found = Shown(application, place, tuple(working.secrets_of(application_id)))
    if command.expected_version is not None and command.expected_version != application.version:
        raise VersionConflict(extra={"current": found.view()})
    if actor is not None and not may_give_scopes(actor, permissions_of(application.scope_ids)):
        raise Forbidden("this application may do more than you may")
    return found


def touched(shown: Shown, now: datetime) -> Shown:
    """With the next version: a secret more or less is another state of the application."""
    application = replace(shown.application, version=shown.application.version + 1, updated_at=now)
    return replace(shown, application=application)


def new_secret(application_id: int, digest: str, working: WorkingSet, now: datetime) -> ApplicationSecret:
    """A secret that is live from now on; `digest` is SHA-256 of it in hex."""
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


def decision(
    happening: Happening,
    action: str,
    command: Command,
    before: Shown | None,
    after: Shown,
    new: ApplicationSecret | None = None,
) -> Decision:
    """What a change of an application means, from what it was (None: nothing) to what it is. The answer is its view.

    `action` is for the record. The hash of a `new` secret goes along: it tells the node whether the secret it made is
    the one that was stored, which after a replay it is not.
    """
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
    path_before = before.place.path if before else None
    return Decision(
        Answer(201 if before is None else 200, view | ({"secretHash": new.hash} if new else {})),
        [*changes, Change(None, new)] if new else changes,
        [application_event(happening, command, after.application, after.place.path, path_before=path_before)],
        [audit],
    )
