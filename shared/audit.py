"""The audit log: who did what to which object, and the chain of seals that shows whether it was touched (DESIGN 3.8).

A seal is the SHA-256 of the seal before it and of everything the entry says. Whoever changes, adds or takes away a
sealed entry has to make every seal after it anew, the newest one included, which stands in the log files, too.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from shared.clock import iso
from shared.jsonio import dumps, loads

ActorKind = Literal["user", "application", "stranger", "system"]
"""A person; a program with a key; somebody who is not signed in (they register, say); the queue service itself."""

BEGINNING: Final = "0" * 64
"""What stands for the seal before the first one."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line, with the columns of the table in their order. `before` and `after` are JSON; None: it was not there, or
    is not any more. `department_id` None: it belongs to none, so only those bound to none see it."""

    id: int
    at: datetime
    actor_kind: ActorKind
    actor_id: int | None
    actor_name: str | None
    action: str
    entity: str
    entity_id: int
    department_id: int | None
    before: str | None
    after: str | None
    reason: str | None
    request_id: str
    node: str


@dataclass(frozen=True, slots=True)
class Seal:
    """The seal of one entry."""

    entry_id: int
    seal: str


def seal_of(entry: AuditEntry, previous: str) -> str:
    """The seal of an entry that comes right behind the one with the seal `previous`: 64 hex digits."""
    said = [iso(value) if isinstance(value, datetime) else value for value in astuple(entry)]
    return hashlib.sha256(previous.encode() + b"\n" + dumps(said)).hexdigest()


def sealed(entries: Iterable[AuditEntry], previous: str) -> Iterator[Seal]:
    """The seals of entries that follow one another."""
    for entry in entries:
        previous = seal_of(entry, previous)
        yield Seal(entry.id, previous)


def audit_view(entry: AuditEntry, seal: str | None) -> dict[str, Any]:
    """The wire shape. `seal` None: not sealed yet."""
    return {
        "id": entry.id,
        "at": iso(entry.at),
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
        "action": entry.action,
        "entity": entry.entity,
        "entityId": entry.entity_id,
        "departmentId": entry.department_id,
        "before": None if entry.before is None else loads(entry.before),
        "after": None if entry.after is None else loads(entry.after),
        "reason": entry.reason,
        "requestId": entry.request_id,
        "node": entry.node,
        "seal": seal,
    }
