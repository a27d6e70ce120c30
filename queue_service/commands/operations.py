"""operate-job and set-job-status (seed 001): what people and programs do to a job that is there. Each is put down with
the job, for its history, and in the audit log."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from queue_service.commands.engine_shards import BEGINS
from queue_service.commands.unique_keys import holder_of_key, require_free
from queue_service.domain.audit import intervention
from queue_service.domain.command import Answer, Audit, Command, CommandKind, Decision, Needs
from queue_service.domain.jobs import Ended, Impossible, is_over, replaced
from queue_service.domain.operations import begun, brief_view, details_of, ended_by_hand, operated, operation_for
from queue_service.domain.transitions import TRANSITIONS, JobEvent
from queue_service.domain.workingset import Change, WorkingSet
from shared.errors import NotFound, VersionConflict, WrongState
from shared.job_actions import Operated, OperateJob, SetJobStatus
from shared.jobs import ByHand, Job, Operation, job_view
from shared.permissions import Permission
from shared.policy import sees_department


def _operate(data: OperateJob, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """One operation on one job."""
    job = _seen(data.taskId, command, working, now)
    try:
        after = operated(job, data, now)
    except Impossible:
        raise _wrong_state(job, data.operation, now) from None
    return _decision(data.operation, job, after, command, working, now)


def _set_status(data: SetJobStatus, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """The operation that brings the job into a state."""
    job = _seen(data.taskId, command, working, now)
    action = operation_for(job, data.status, command.actor_id)
    if action is None or (action == "begin" and is_over(job, now)):
        raise _wrong_state(job, f"made {data.status}", now)
    try:
        match action:
            case "begin":
                # the same again if the batch is tried again, and nobody else's
                after = Ended(begun(job, command.actor_id, command.operation_id[:32], now), None)
            case "complete" | "fail" | "release":
                after = ended_by_hand(job, action, data.result, command.reason, now)
            case _:
                after = operated(job, Operated(operation=action), now)
    except Impossible:
        raise _wrong_state(job, f"made {data.status}", now) from None
    return _decision(action, job, after, command, working, now)


def _seen(job_id: int, command: Command, working: WorkingSet, now: datetime) -> Job:
    """The job as the actor sees it now. Raises NotFound, and VersionConflict with the current job."""
    job = working.jobs.get(job_id)
    if job is None:
        raise NotFound
    actor = working.principal(command.actor_id)
    if actor is not None and not sees_department(actor, working.paths[job.department_id]):
        raise NotFound
    if command.expected_version is not None and command.expected_version != job.version:
        raise VersionConflict(extra={"current": job_view(job, now)})
    return job


def _wrong_state(job: Job, what: str, now: datetime) -> WrongState:
    possible = sorted(
        name for status, event in TRANSITIONS if status == job.status for name in _OPERATIONS_OF.get(event, ())
    )
    said = f"a job that is {job.status} cannot be {_DONE.get(what, what)}; possible are: {', '.join(possible)}"
    return WrongState(said, extra={"current": job_view(job, now), "possible": possible})


_OPERATIONS_OF: Final[Mapping[JobEvent, tuple[Operation, ...]]] = MappingProxyType(
    {
        "start": ("start",),
        "pause": ("pause",),
        "resume": ("resume",),
        "cancel": ("cancel",),
        "restart": ("retry",),
        "change": ("reprioritise", "reschedule"),
    }
)
_DONE: Final[dict[str, str]] = {
    "start": "started",
    "pause": "paused",
    "resume": "resumed",
    "cancel": "cancelled",
    "retry": "retried",
    "reprioritise": "reprioritised",
    "reschedule": "rescheduled",
}


def _decision(
    action: Operation | ByHand, before: Job, ended: Ended, command: Command, working: WorkingSet, now: datetime
) -> Decision:
    after = ended.job
    changes = [Change(before, after)]
    holder = holder_of_key(after, working) if after.holds_key and not before.holds_key else None
    if holder is not None:
        require_free(holder, command, working, now)
        changes.insert(0, Change(holder, replaced(holder, after.id, now)))
    done = intervention(action, after, details_of(before, after, action), command, working, now)
    audit = Audit(f"job.{action}", "job", after.id, after.department_id, brief_view(before), brief_view(after))
    return Decision(
        Answer(200, job_view(after, now)),
        changes,
        audits=[audit],
        attempts=[ended.attempt] if ended.attempt else [],
        interventions=[done],
        # with another payload, what was done for the one before is of no use
        stepless=frozenset({after.id}) if action == "retry" and before.config != after.config else frozenset(),
    )


def _needs(data: OperateJob | SetJobStatus) -> Needs:
    job_ids = frozenset({data.taskId})
    is_retry = data.status == "PENDING" if isinstance(data, SetJobStatus) else data.operation == "retry"
    return Needs(given_job_ids=job_ids, placed_job_ids=job_ids, retaken_job_ids=job_ids if is_retry else frozenset())


OPERATE_JOB: Final = CommandKind(
    name="operate-job",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=Permission.TASK_UPDATE,
    data=OperateJob,
    needs=_needs,
    decide=_operate,
)

SET_JOB_STATUS: Final = CommandKind(
    name="set-job-status",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=Permission.TASK_UPDATE,
    data=SetJobStatus,
    needs=_needs,
    decide=_set_status,
)
