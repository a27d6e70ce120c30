"""Who did it, when and why: lines of the audit log, and of the histories of jobs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from queue_service.domain.command import Audit, Command
from queue_service.domain.workingset import WorkingSet
from shared.actor import ApplicationId
from shared.audit import ActorKind, AuditEntry
from shared.jobs import ByHand, Intervention, Job, Operation
from shared.jsonio import dumps


def audit_entry(entry_id: int, command: Command, audit: Audit, working: WorkingSet, now: datetime) -> AuditEntry:
    """The entry of one audit of a command that the batch applies."""
    kind, actor_id, actor_name = actor_of(command, working)
    return AuditEntry(
        id=entry_id,
        at=now,
        actor_kind=kind,
        actor_id=actor_id,
        actor_name=actor_name,
        action=audit.action,
        entity=audit.entity,
        entity_id=audit.entity_id,
        department_id=audit.department_id,
        before=_text(audit.before),
        after=_text(audit.after),
        reason=command.reason,
        request_id=command.request_id,
        node=command.node,
    )


def actor_of(command: Command, working: WorkingSet) -> tuple[ActorKind, int | None, str | None]:
    """Who sent a command: kind, id, and the name they have now."""
    match command.actor_id:
        case None:
            return ("system" if command.is_systems else "stranger"), None, None
        case ApplicationId(number):
            return "application", number, working.applications[number].name
        case user_id:
            return "user", user_id, working.users[user_id].username


def intervention(
    action: Operation | ByHand,
    after: Job,
    details: Mapping[str, Any],
    command: Command,
    working: WorkingSet,
    now: datetime,
) -> Intervention:
    """What a command did to a job, for the job's history."""
    kind, actor_id, name = actor_of(command, working)
    return Intervention(
        job_id=after.id,
        version=after.version,
        action=action,
        actor_kind=kind,
        actor_id=actor_id,
        actor_name=name,
        reason=command.reason,
        details=dumps(details).decode(),
        at=now,
    )


def _text(shown: Mapping[str, Any] | None) -> str | None:
    return None if shown is None else dumps(shown).decode()
