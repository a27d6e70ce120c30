"""Execution units, the programs that run jobs, as both the nodes and the writer see them (seed 001)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from shared.clock import iso
from shared.jsonio import loads

UnitStatus = Literal["ONLINE", "DRAINING", "OFFLINE"]
"""DRAINING: it finishes what it has and is given no more. OFFLINE: silent for a lease, or taken out by a person."""

LEASE_S: Final = 30
"""A unit that has not beaten for this long is OFFLINE, and its jobs go back in the same tick."""

BEAT_S: Final = 10
"""How often a unit is asked to beat."""

UnitKey = tuple[int, str]
"""A department and the id that a unit has in it."""


@dataclass(frozen=True, slots=True)
class ExecutionUnit:
    """One unit. `name_id` is the id it gave itself, unique in its department. `task_types` (JSON) are all types it
    runs, `unit_type` among them. `boot_nonce` tells one start of its process from another. `current_load` and `details`
    (JSON) are what its last beat said, but for some seconds. `taken_out` 1: a person did that, so its beats do not
    bring it back."""

    id: int
    department_id: int
    name_id: str
    unit_type: str
    unit_name: str
    capacity: int
    endpoint: str | None
    task_types: str
    labels: str
    boot_nonce: str | None
    status: UnitStatus
    taken_out: int
    current_load: int
    details: str
    last_beat_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None

    @property
    def key(self) -> UnitKey:
        return self.department_id, self.name_id


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the units of a department that run some type of job are doing, as the engine sees them: how many there are,
    by status; how many more jobs those online may have; how many of their claims wait."""

    registered: int
    online: int
    draining: int
    offline: int
    room: int
    claimsWaiting: int

    def view(self) -> dict[str, int]:
        """The wire shape."""
        return asdict(self)


def types_of(unit: ExecutionUnit) -> frozenset[str]:
    """Every type of job that the unit runs."""
    return frozenset(loads(unit.task_types))


def unit_view(unit: ExecutionUnit) -> dict[str, Any]:
    """What the API shows of a unit."""
    return {
        "id": unit.name_id,
        "unitType": unit.unit_type,
        "unitName": unit.unit_name,
        "capacity": unit.capacity,
        "endpoint": unit.endpoint,
        "taskTypes": loads(unit.task_types),
        "labels": loads(unit.labels),
        "status": unit.status,
        "currentLoad": unit.current_load,
        "metadata": loads(unit.details),
        "departmentId": unit.department_id,
        "lastHeartbeatAt": iso(unit.last_beat_at),
        "version": unit.version,
        "createdAt": iso(unit.created_at),
        "updatedAt": iso(unit.updated_at),
    }
