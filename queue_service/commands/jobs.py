"""submit-job and submit-jobs (seed 001): background work, accepted to be run by whatever unit is free."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from queue_service.commands.actors import department_of
from queue_service.commands.engine_shards import BEGINS
from queue_service.commands.leases import bound_queues, is_due, may_have
from queue_service.domain.command import Answer, Command, CommandKind, Decision, Needs
from queue_service.domain.jobs import leased, soonest
from queue_service.domain.workingset import Change, WorkingSet
from shared.actor import ApplicationId
from shared.job_commands import Backoff, NewJob, NewJobs
from shared.jobs import Job, job_view
from shared.jsonio import dumps
from shared.permissions import Permission
from shared.units import ExecutionUnit

DEFAULT_ATTEMPTS: Final = 3
"""Where neither the client nor the node said how many."""


def _submit(data: NewJob, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """One job, in the actor's department."""
    [job] = _accepted([data], command, working, now)
    return Decision(Answer(201, job_view(job, now)), [Change(None, job)])


def _submit_many(data: NewJobs, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """All of them or none; the answer has their ids in order."""
    jobs = _accepted(data.jobs, command, working, now)
    return Decision(Answer(201, {"ids": [job.id for job in jobs]}), [Change(None, job) for job in jobs])


def _accepted(new: list[NewJob], command: Command, working: WorkingSet, now: datetime) -> list[Job]:
    """New rows. While a unit waits for just these, they are leased to it in the very transaction that inserts them."""
    department_id = department_of(command, working)
    unit, left = _waiting(command, working)
    bound = bound_queues(department_id, working, is_limited=True)
    jobs = []
    for each in new:
        job = _new(each, department_id, command, working, now)
        if unit is not None and left and job.queue not in bound and is_due(job, now) and may_have(unit, job):
            assert command.slot is not None  # noqa: S101 - there is a unit
            job, left = leased(job, unit.name_id, command.slot.token, now), left - 1
        jobs.append(job)
    return jobs


def _waiting(command: Command, working: WorkingSet) -> tuple[ExecutionUnit | None, int]:
    """The unit that waits, and for how many."""
    if command.slot is None:
        return None, 0
    return working.units.get(command.slot.unit), command.slot.most


def _new(new: NewJob, department_id: int, command: Command, working: WorkingSet, now: datetime) -> Job:
    run_at = now if new.runAt is None else datetime.fromisoformat(new.runAt)
    if new.delayMs is not None:
        run_at = now + timedelta(milliseconds=new.delayMs)
    expires_at = None if new.expiresAt is None else datetime.fromisoformat(new.expiresAt)
    deadline_at = None if new.deadlineS is None else max(run_at, now) + timedelta(seconds=new.deadlineS)
    by = command.actor_id
    config = dumps(new.config)
    return Job(
        id=working.ids.next(Job),
        department_id=department_id,
        name=new.name,
        task_type=new.taskType,
        queue=new.queue,
        config=config.decode(),
        config_bytes=len(config),
        status="PENDING",
        priority=new.priority,
        run_at=run_at,
        max_attempts=new.maxAttempts or DEFAULT_ATTEMPTS,
        backoff=_text_of(new.backoff),
        timeout_s=new.timeoutS,
        expires_at=expires_at,
        deadline_at=deadline_at,
        lapses_at=soonest(expires_at, deadline_at),
        labels=dumps(new.labels).decode(),
        tags=dumps(new.tags).decode(),
        attempt=0,
        error_count=0,
        crash_count=0,
        execution_unit_id=None,
        lease_token=None,
        outcome=None,
        progress=None,
        result=None,
        error_message=None,
        created_by_user_id=by if isinstance(by, int) else None,
        created_by_application_id=by.number if isinstance(by, ApplicationId) else None,
        version=1,
        created_at=now,
        updated_at=now,
        started_at=None,
        completed_at=None,
    )


@lru_cache(maxsize=256)
def _text_of(backoff: Backoff) -> str:
    return dumps(backoff.model_dump()).decode()


SUBMIT_JOB: Final = CommandKind(
    name="submit-job",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=Permission.TASK_CREATE,
    data=NewJob,
    needs=lambda _: Needs(),
    decide=_submit,
)

SUBMIT_JOBS: Final = CommandKind(
    name="submit-jobs",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=Permission.TASK_CREATE,
    data=NewJobs,
    needs=lambda _: Needs(),
    decide=_submit_many,
    weight=lambda data: len(data.jobs),
)
