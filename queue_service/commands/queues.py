"""limit-queue, pause-queue and resume-queue (seed 002): what holds for all jobs of a queue. Each is put on record.

They are decided in one line with the leases, so that from the answer on nothing is given that they forbid.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from queue_service.commands.engine_shards import BEGINS
from queue_service.domain.audit import actor_of
from queue_service.domain.command import Answer, Audit, Command, CommandKind, Decision, Needs
from queue_service.domain.workingset import Change, WorkingSet
from shared.errors import NotFound, VersionConflict
from shared.jsonio import dumps
from shared.permissions import Permission
from shared.policy import sees_department
from shared.queue_commands import LimitQueue, QueueRef
from shared.queues import Queue, not_set_up, queue_view


def _limit(data: LimitQueue, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Set both limits."""
    starts = data.starts
    return _changed(
        "limit",
        data,
        command,
        working,
        now,
        concurrency=data.concurrency,
        starts=None if starts is None else starts.most,
        starts_per_ms=None if starts is None else starts.perMs,
    )


def _pause(data: QueueRef, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Nothing more of it is given to anybody; what runs, runs on. One that is paused already stays as it is."""
    before = _seen(data, command, working)
    if before is not None and before.is_paused:
        return Decision(Answer(200, queue_view(before)), [])
    kind, actor_id, name = actor_of(command, working)
    by = dumps({"kind": kind, "id": actor_id, "name": name}).decode()
    return _changed("pause", data, command, working, now, paused_at=now, paused_by=by, pause_reason=command.reason)


def _resume(data: QueueRef, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """It goes on. One that is not paused stays as it is."""
    before = _seen(data, command, working) or not_set_up(data.departmentId, data.name, now)
    if not before.is_paused:
        return Decision(Answer(200, queue_view(before)), [])
    return _changed("resume", data, command, working, now, paused_at=None, paused_by=None, pause_reason=None)


def _seen(data: QueueRef, command: Command, working: WorkingSet) -> Queue | None:
    """What was set up of the queue; None when nothing was. Raises NotFound for one of a department that whoever asks
    does not see, and VersionConflict with the current one."""
    department = working.departments.get(data.departmentId)
    actor = working.principal(command.actor_id)
    if department is None or department.deleted_at is not None:
        raise NotFound
    if actor is not None and not sees_department(actor, department.path):
        raise NotFound
    queue = working.queues.get((data.departmentId, data.name))
    if command.expected_version not in (None, 0 if queue is None else queue.version):
        raise VersionConflict(extra={"current": queue_view(queue)} if queue else {})
    return queue


def _changed(
    what: str, data: QueueRef, command: Command, working: WorkingSet, now: datetime, **members: Any
) -> Decision:
    before = _seen(data, command, working)
    if before is None:
        new = not_set_up(data.departmentId, data.name, now)
        after = replace(new, id=working.ids.next(Queue), version=1, **members)
    else:
        after = replace(before, **members, version=before.version + 1, updated_at=now)
    shown = None if before is None else queue_view(before)
    audit = Audit(f"queue.{what}", "queue", after.id, after.department_id, shown, queue_view(after))
    return Decision(Answer(200, queue_view(after)), [Change(before, after)], audits=[audit])


def _needs(data: QueueRef) -> Needs:
    return Needs(queue_names=frozenset({data.name}), department_ids=frozenset({data.departmentId}))


LIMIT_QUEUE: Final = CommandKind(
    name="limit-queue",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=Permission.QUEUE_MANAGE,
    data=LimitQueue,
    needs=_needs,
    decide=_limit,
)

PAUSE_QUEUE: Final = CommandKind(
    name="pause-queue",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=Permission.QUEUE_MANAGE,
    data=QueueRef,
    needs=_needs,
    decide=_pause,
)

RESUME_QUEUE: Final = CommandKind(
    name="resume-queue",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=Permission.QUEUE_MANAGE,
    data=QueueRef,
    needs=_needs,
    decide=_resume,
)
