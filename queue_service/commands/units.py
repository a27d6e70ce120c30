"""register-unit and change-unit (seed 001): the programs that run jobs."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from queue_service.commands.actors import department_of
from queue_service.commands.engine_shards import BEGINS
from queue_service.domain.command import Answer, Audit, Command, CommandKind, Decision, Needs
from queue_service.domain.workingset import Change, WorkingSet
from shared.errors import NotFound
from shared.job_commands import NewUnit, UnitChange
from shared.jsonio import dumps
from shared.permissions import Permission
from shared.units import BEAT_S, LEASE_S, ExecutionUnit, unit_view


def _register(data: NewUnit, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """A unit of the actor's department, or the same one again: a unit registers each time it starts."""
    department_id = department_of(command, working)
    before = working.units.get((department_id, data.id))
    unit = ExecutionUnit(
        id=before.id if before else working.ids.next(ExecutionUnit),
        department_id=department_id,
        name_id=data.id,
        unit_type=data.unitType,
        unit_name=data.unitName,
        capacity=data.capacity,
        endpoint=data.endpoint,
        task_types=dumps(sorted({data.unitType, *data.taskTypes})).decode(),
        labels=dumps(data.labels).decode(),
        boot_nonce=data.bootNonce,
        status="ONLINE",
        taken_out=0,
        current_load=0,
        details="{}",
        last_beat_at=now,
        version=before.version + 1 if before else 1,
        created_at=before.created_at if before else now,
        updated_at=now,
        deleted_at=None,
    )
    answer = unit_view(unit) | {"leaseS": LEASE_S, "beatS": BEAT_S}
    is_new = before is None or before.deleted_at is not None
    return Decision(Answer(201 if is_new else 200, answer), [Change(before, unit)])


def _change(data: UnitChange, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Give it no more (DRAINING), take it out at once (OFFLINE), let it in again (ONLINE), or forget it (GONE)."""
    before = working.units.get((department_of(command, working), data.unitId))
    if before is None or before.deleted_at is not None:
        raise NotFound
    is_gone = data.to == "GONE"
    after = replace(
        before,
        status="OFFLINE" if data.to == "GONE" else data.to,
        taken_out=int(data.to in ("OFFLINE", "GONE")),
        deleted_at=now if is_gone else None,
        version=before.version + 1,
        updated_at=now,
    )
    audits = [_audit(data.to, before, after)] if isinstance(command.actor_id, int) else []
    return Decision(Answer(200, unit_view(after)), [Change(before, after)], audits=audits)


def _audit(to: str, before: ExecutionUnit, after: ExecutionUnit) -> Audit:
    """For people alone: a unit drains each time it stops."""
    shown = None if after.deleted_at is not None else unit_view(after)
    return Audit(f"unit.{to.lower()}", "unit", after.id, after.department_id, unit_view(before), shown)


REGISTER_UNIT: Final = CommandKind(
    name="register-unit",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=Permission.UNIT_MANAGE,
    data=NewUnit,
    needs=lambda data: Needs(unit_ids=frozenset({data.id})),
    decide=_register,
)

CHANGE_UNIT: Final = CommandKind(
    name="change-unit",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=Permission.UNIT_MANAGE,
    data=UnitChange,
    needs=lambda data: Needs(unit_ids=frozenset({data.unitId})),
    decide=_change,
)
