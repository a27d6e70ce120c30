"""submit-job and submit-jobs (seed 001): background work, accepted to be run by whatever unit is free."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from queue_service.commands.actors import department_of
from queue_service.commands.engine_shards import BEGINS
from queue_service.commands.leases import bound_queues, is_due, may_have
from queue_service.commands.unique_keys import holder_of_key, may_replace, require_free, shown_to
from queue_service.domain.audit import intervention
from queue_service.domain.command import Answer, Audit, Command, CommandKind, Decision, Needs
from queue_service.domain.jobs import keeps_others_off, leased, replaced, soonest
from queue_service.domain.operations import brief_view
from queue_service.domain.workingset import Change, WorkingSet
from shared.actor import ApplicationId
from shared.job_commands import Backoff, NewJob, NewJobs
from shared.jobs import Intervention, Job, digest_of, job_view
from shared.jsonio import dumps
from shared.permissions import Permission
from shared.units import ExecutionUnit

DEFAULT_ATTEMPTS: Final = 3
"""Where neither the client nor the node said how many."""


def _submit(data: NewJob, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """One job, in the actor's department; or the one that has its unique key, as a conflict."""
    accepted = _accept([data], command, working, now)
    [job] = accepted.jobs
    if accepted.rejected:
        require_free(job, command, working, now)
    if accepted.existing:
        return Decision(Answer(200, shown_to(command, job, working, now) | {"conflict": True}), ())
    return accepted.decision(Answer(201, job_view(job, now)))


def _submit_many(data: NewJobs, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """`{ids, existing, rejected}`: an id for each, in order; the places of those whose key another job has (the id
    is that one's), and of those that are refused for that. The others are accepted, all or none."""
    accepted = _accept(data.jobs, command, working, now)
    ids = [job.id for job in accepted.jobs]
    said = {"ids": ids, "existing": accepted.existing, "rejected": accepted.rejected}
    return accepted.decision(Answer(201, said))


@dataclass(slots=True)
class _Accepted:
    """What becomes of new jobs. `jobs`: for each the job that it is now, or the one that has its unique key."""

    jobs: list[Job] = field(default_factory=list)
    existing: list[int] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    interventions: list[Intervention] = field(default_factory=list)
    audits: list[Audit] = field(default_factory=list)
    _holders: dict[str, Job] = field(default_factory=dict)

    def add(self, job: Job) -> None:
        self.jobs.append(job)
        self.changes.append(Change(None, job))
        if (digest := digest_of(job)) is not None:
            self._holders[digest] = job

    def holder(self, job: Job, working: WorkingSet) -> Job | None:
        """Who has its unique key, also of those that came with it."""
        return self._holders.get(digest_of(job) or "") or holder_of_key(job, working)

    def replace(self, holder: Job, job: Job, command: Command, working: WorkingSet, now: datetime) -> None:
        """The new one takes the key from whoever had it."""
        after = replaced(holder, job.id, now)
        self.changes.append(Change(holder, after))
        if after.status == "CANCELLED" != holder.status:
            details = {"replacedBy": job.id}
            self.interventions.append(intervention("cancel", after, details, command, working, now))
            brief = brief_view(holder), brief_view(after)
            self.audits.append(Audit("job.cancel", "job", after.id, after.department_id, *brief))

    def decision(self, answer: Answer) -> Decision:
        return Decision(answer, self.changes, interventions=self.interventions, audits=self.audits)


def _accept(new: list[NewJob], command: Command, working: WorkingSet, now: datetime) -> _Accepted:
    """New rows. While a unit waits for just these, they are leased to it in the very transaction that inserts them."""
    department_id = department_of(command, working)
    unit, left = _waiting(command, working)
    bound = bound_queues(department_id, working, is_limited=True)
    accepted = _Accepted()
    for place, each in enumerate(new):
        job = _new(each, department_id, command, working, now)
        holder = accepted.holder(job, working)
        if holder is not None:
            if keeps_others_off(holder, now) and not (
                each.uniqueMode == "replace" and may_replace(command, holder, working)
            ):
                accepted.jobs.append(holder)
                (accepted.existing if each.uniqueMode == "return" else accepted.rejected).append(place)
                continue
            accepted.replace(holder, job, command, working, now)
        if unit is not None and left and job.queue not in bound and is_due(job, now) and may_have(unit, job):
            assert command.slot is not None  # noqa: S101 - there is a unit
            job, left = leased(job, unit.name_id, command.slot.token, now), left - 1
        accepted.add(job)
    return accepted


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
        unique_key=new.uniqueKey,
        unique_until=None if new.uniqueForS is None else now + timedelta(seconds=new.uniqueForS),
        holds_key=new.uniqueKey is not None,
        at_most_once=new.atMostOnce,
        kept_completed_s=new.retention.completedS,
        kept_failed_s=new.retention.failedS,
        attempt=0,
        error_count=0,
        crash_count=0,
        execution_unit_id=None,
        lease_token=None,
        outcome=None,
        progress=None,
        result=None,
        error_message=None,
        error_type=None,
        failure_group=None,
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


def _needs(new: list[NewJob]) -> Needs:
    return Needs(unique_keys=frozenset((job.taskType, job.uniqueKey) for job in new if job.uniqueKey is not None))


SUBMIT_JOB: Final = CommandKind(
    name="submit-job",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=Permission.TASK_CREATE,
    data=NewJob,
    needs=lambda data: _needs([data]),
    decide=_submit,
)

SUBMIT_JOBS: Final = CommandKind(
    name="submit-jobs",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=Permission.TASK_CREATE,
    data=NewJobs,
    needs=lambda data: _needs(data.jobs),
    decide=_submit_many,
    weight=lambda data: len(data.jobs),
)
