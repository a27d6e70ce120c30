"""From what a decision puts on record to the line of the audit log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from queue_service.domain.command import Audit, Command
from queue_service.domain.workingset import WorkingSet
from shared.audit import ActorKind, AuditEntry
from shared.jsonio import dumps


def audit_entry(entry_id: int, command: Command, audit: Audit, working: WorkingSet, now: datetime) -> AuditEntry:
    """The entry of one audit of a command that the batch applies."""
    kind: ActorKind = "user" if command.actor_id is not None else "system" if command.is_systems else "stranger"
    return AuditEntry(
        id=entry_id,
        at=now,
        actor_kind=kind,
        actor_id=command.actor_id,
        actor_name=working.users[command.actor_id].username if command.actor_id is not None else None,
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


def _text(shown: Mapping[str, Any] | None) -> str | None:
    return None if shown is None else dumps(shown).decode()
