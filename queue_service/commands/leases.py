"""lease-jobs, report-jobs and settle-units: how an attempt at a job begins and ends (CONTRACTS 7).

The fence of an attempt is (job, attempt, lease token). A report that does not hold it changes nothing, and one that was
applied before is told so: the row of the job, or the record of the attempt, says how it ended.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from queue_service.commands.actors import department_of
from queue_service.commands.engine_shards import BEGINS, ENDS
from queue_service.commands.notebook import Notebook
from queue_service.domain.command import Answer, Command, CommandKind, Decision, Needs
from queue_service.domain.jobs import (
    Ended,
    completed,
    failed,
    given_up,
    is_over,
    leased,
    lost,
    released,
    snoozed,
)
from queue_service.domain.workingset import Change, WorkingSet
from shared.errors import MayHaveStarted, NotFound, StaleAttempt
from shared.job_commands import NewLeases, Report, Reports, Settlement, UnitState
from shared.jobs import LOST, TERMINAL, Job, JobAttempt, Outcome
from shared.jsonio import dumps
from shared.permissions import Permission
from shared.units import ExecutionUnit, types_of

_REPORTS: Final[Mapping[str, Callable[[Job, Report, datetime], Ended]]] = MappingProxyType(
    {
        "complete": completed,
        "fail": failed,
        "snooze": snoozed,
        "release": lambda job, _report, now: released(job, now),
    }
)
NOTED: Final = frozenset({"step", "log"})
"""Reports that leave the job's row as it is."""

_HANDED_BACK: Final = frozenset({"snooze", "release"})
_OUTCOME_OF: Final[Mapping[str, Outcome]] = MappingProxyType(
    {"complete": "completed", "fail": "failed", "snooze": "snoozed", "release": "released"}
)


def _lease(data: NewLeases, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Give jobs to a unit. The answer has the jobs that are leased to it now: what was taken away from the index in the
    meantime, or is not for this unit, is left out; what an earlier try leased is not."""
    unit = working.units.get((data.departmentId, data.unitId))
    seen = {name for name, version in data.queues.items() if _version(data.departmentId, name, working) == version}
    seen -= bound_queues(data.departmentId, working, is_limited=False)
    granted: list[Job] = []
    changes: list[Change] = []
    starts: Counter[int] = Counter()
    for job_id in data.jobIds:
        job = working.jobs.get(job_id)
        if job is None or unit is None:
            continue
        if job.status == "RUNNING" and job.lease_token == data.token:
            granted.append(job)
        elif job.queue in seen and is_due(job, now) and may_have(unit, job):
            after = leased(job, unit.name_id, data.token, now)
            granted.append(after)
            changes.append(Change(job, after))
            queue = working.queues.get((job.department_id, job.queue))
            if queue is not None and queue.starts is not None:
                starts[queue.id] += 1
    return Decision(Answer(200, granted), changes, starts=starts)


def _version(department_id: int, name: str, working: WorkingSet) -> int:
    queue = working.queues.get((department_id, name))
    return 0 if queue is None else queue.version


def bound_queues(department_id: int, working: WorkingSet, *, is_limited: bool) -> frozenset[str]:
    """Of the queues that were loaded those of a department that are paused; with `is_limited` those that are limited,
    too."""
    queues = [queue for queue in working.queues.values() if queue.department_id == department_id]
    return frozenset(queue.name for queue in queues if queue.is_paused or (is_limited and queue.is_limited))


def is_due(job: Job, now: datetime) -> bool:
    """Whether a job waits for nothing but a unit."""
    return job.status == "PENDING" and job.run_at <= now and not is_over(job, now)


def may_have(unit: ExecutionUnit, job: Job) -> bool:
    """Whether a job may be leased to a unit."""
    is_there = unit.status == "ONLINE" and unit.deleted_at is None
    return is_there and job.department_id == unit.department_id and job.task_type in types_of(unit)


def _report(data: Reports, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Each report for itself: one that is refused touches none of the others."""
    department_id = department_of(command, working)
    jobs: dict[int, Job] = {}
    changes: list[Change] = []
    records: list[JobAttempt] = []
    results: list[dict[str, Any]] = []
    notebook = Notebook(working, now)
    for report in data.reports:
        job = jobs.get(report.taskId) or working.jobs.get(report.taskId)
        if job is None or job.department_id != department_id:
            results.append({"status": NotFound.status, "errorCode": NotFound.code})
        elif holds(job, data.unitId, report) and report.kind in NOTED:
            results.append(notebook.note(report))
        elif holds(job, data.unitId, report):
            if job.at_most_once and report.kind in _HANDED_BACK and not report.neverStarted:
                results.append({"status": MayHaveStarted.status, "errorCode": MayHaveStarted.code})
                continue
            after = _applied(job, report, now, records)
            changes.append(Change(job, after))
            jobs[job.id] = after
            results.append({"status": 200})
        elif _was_applied(job, report, [*working.attempts.values(), *records]):
            results.append({"status": 200, "already": True})
        else:
            results.append({"status": StaleAttempt.status, "errorCode": StaleAttempt.code})
    return Decision(
        Answer(200, {"results": results}), changes, attempts=records, steps=notebook.steps, lines=notebook.lines
    )


def holds(job: Job, unit_id: str, report: Report) -> bool:
    """Whether the report is of the attempt that runs."""
    is_its = (job.attempt, job.lease_token, job.execution_unit_id) == (report.attempt, report.leaseToken, unit_id)
    return job.status == "RUNNING" and is_its


def _applied(job: Job, report: Report, now: datetime, records: list[JobAttempt]) -> Job:
    if report.kind == "progress":
        progress = dumps(report.progress).decode()
        return job._replace(progress=progress, version=job.version + 1, updated_at=now)
    ended = _REPORTS[report.kind](job, report, now)
    records += [ended.attempt] if ended.attempt else []
    return ended.job


def _was_applied(job: Job, report: Report, records: list[JobAttempt]) -> bool:
    """Whether this very report ended its attempt before. What was taken from its unit, and may run at most once, was
    not handed back, whatever the unit says now."""
    if job.at_most_once and job.attempt == report.attempt and job.outcome in LOST and job.status in TERMINAL:
        return False
    ended = [(job.attempt, job.lease_token, job.outcome)]
    ended += [(r.attempt, r.lease_token, r.outcome) for r in records if r.job_id == job.id]
    return (report.attempt, report.leaseToken, _OUTCOME_OF.get(report.kind, "")) in ended


def _settle(data: Settlement, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Units that went silent are OFFLINE, and their attempts end with that; those that came back are ONLINE. Jobs
    whose time is over are FAILED."""
    changes: list[Change] = []
    for state in data.units:
        unit = working.units.get((state.departmentId, state.unitId))
        if unit is not None and unit.deleted_at is None:
            changes.append(Change(unit, _as_it_is(unit, state, now)))
    records: list[JobAttempt] = []
    over: set[int] = set()
    for job_id in data.overdue:
        job = working.jobs.get(job_id)
        if job is not None and is_over(job, now):
            after, record = given_up(job, now)
            changes.append(Change(job, after))
            records += [record] if record else []
            over.add(job_id)
    for lease in data.lost:
        job = None if lease.jobId in over else working.jobs.get(lease.jobId)
        if job is not None and job.status == "RUNNING" and job.attempt == lease.attempt:
            ended = lost(job, lease.outcome, now)
            changes.append(Change(job, ended.job))
            records += [ended.attempt] if ended.attempt else []
    return Decision(Answer(200, {}), changes, attempts=records)


def _as_it_is(unit: ExecutionUnit, state: UnitState, now: datetime) -> ExecutionUnit:
    status = unit.status
    if state.isSilent:
        status = "OFFLINE"
    elif status == "OFFLINE" and not unit.taken_out:
        status = "ONLINE"
    return replace(
        unit,
        status=status,
        current_load=state.currentLoad,
        details=dumps(state.metadata).decode(),
        last_beat_at=unit.last_beat_at if state.isSilent else now,
        version=unit.version + 1,
        updated_at=now,
    )


def _needs_of_reports(data: Reports) -> Needs:
    return Needs(
        job_ids=frozenset(report.taskId for report in data.reports),
        attempts=frozenset((report.taskId, report.attempt) for report in data.reports),
        stepping_job_ids=frozenset(report.taskId for report in data.reports if report.kind == "step"),
        logging_attempts=frozenset((report.taskId, report.attempt) for report in data.reports if report.kind == "log"),
    )


LEASE_JOBS: Final = CommandKind(
    name="lease-jobs",
    lane="engine",
    shard=lambda _: BEGINS,
    permission=None,
    data=NewLeases,
    needs=lambda data: Needs(
        given_job_ids=frozenset(data.jobIds),
        unit_ids=frozenset({data.unitId}),
        queue_names=frozenset(data.queues),
    ),
    decide=_lease,
    is_for_the_system=True,
    is_remembered=False,
    weight=lambda data: len(data.jobIds),
)

REPORT_JOBS: Final = CommandKind(
    name="report-jobs",
    lane="engine",
    shard=lambda _: ENDS,
    permission=Permission.UNIT_MANAGE,
    data=Reports,
    needs=_needs_of_reports,
    decide=_report,
    is_remembered=False,
    weight=lambda data: len(data.reports),
)

SETTLE_UNITS: Final = CommandKind(
    name="settle-units",
    lane="engine",
    shard=lambda _: ENDS,
    permission=None,
    data=Settlement,
    needs=lambda data: Needs(
        job_ids=frozenset(lost.jobId for lost in data.lost) | frozenset(data.overdue),
        unit_ids=frozenset(state.unitId for state in data.units),
    ),
    decide=_settle,
    is_for_the_system=True,
    is_remembered=False,
    weight=lambda data: len(data.lost) + len(data.units) + len(data.overdue),
)
