"""Jobs, units of background work that programs do, and the attempts at them, as both the nodes and the writer see them:
frozen values and their wire shape (seed 001; its "task" is our job).

They are named tuples, and not dataclasses as other rows are, because there are thousands of them a second: to make a
frozen dataclass of forty fields took a fifth of the writer's time.
"""

import hashlib
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from shared.audit import ActorKind
from shared.clock import iso
from shared.jsonio import dumps, loads

JobStatus = Literal["PENDING", "RUNNING", "PAUSED", "COMPLETED", "FAILED", "CANCELLED"]
"""Seed 001's states. A delayed job is PENDING with `runAt` in the future; so is one that waits for its next attempt."""

Outcome = Literal[
    "completed",
    "failed",
    "snoozed",
    "released",
    "cancelled",
    "crashed",
    "timed_out",
    "expired",
    "deadline_exceeded",
]
"""How an attempt ended. `cancelled`: somebody cancelled its job. `crashed`: its unit went silent, or came back as
another process. A job whose time was over while it waited ended that way without an attempt: `expired` or
`deadline_exceeded`."""

LogLevel = Literal["debug", "info", "warning", "error"]
"""How much a line of a log matters, the least first."""

Operation = Literal["start", "pause", "resume", "cancel", "retry", "reprioritise", "reschedule"]
"""What people and programs may do to a job that is there (seed 001)."""

ByHand = Literal["begin", "complete", "fail", "release"]
"""What somebody does who runs a job themselves."""

OVER: Final[frozenset[Outcome]] = frozenset({"expired", "deadline_exceeded"})
"""How time ends a job."""

LOST: Final[frozenset[Outcome]] = frozenset({"crashed", "timed_out", "released"})
"""How an attempt ends that nobody reported on."""

TERMINAL: Final[frozenset[JobStatus]] = frozenset({"COMPLETED", "FAILED", "CANCELLED"})

BY_HAND: Final = "manual:"
"""What the id of a unit that is somebody, and no program, begins with."""

MAX_CRASHES: Final = 3
"""Attempts that may crash. A job that crashes once more is quarantined: it may be what kills its units."""


class Job(NamedTuple):
    """One job. `config`, `backoff`, `labels`, `tags`, `progress` and `result` are JSON. `config` may have been left out
    (it is empty then) where it is not needed: `config_bytes` is its size.

    `attempt` counts the claims, from 1, and never falls; with `lease_token` it is the fence of every report. Both stay
    as they were when an attempt has ended, and `outcome` says how it did; while one runs it is None. Errors are counted
    against `max_attempts`, crashes apart from them. `execution_unit_id` is the unit of the last attempt.

    `lapses_at` is when time ends what the job is in: its wait for a first attempt (`expires_at`), all of it
    (`deadline_at`), or, once it is finished, its keeping. None: never.

    While a job `holds_key`, its unique key is nobody else's of its department and type: until it is finished, and until
    `unique_until` if there is such a time. `kept_completed_s` and `kept_failed_s` say how long it is kept once it is
    finished; None: as long as others.

    `error_message` and `error_type` are of the last error, and `failure_group` is what it has in common with others.
    """

    id: int
    department_id: int
    name: str
    task_type: str
    queue: str
    config: str
    config_bytes: int
    status: JobStatus
    priority: int
    run_at: datetime
    max_attempts: int
    backoff: str
    timeout_s: int
    expires_at: datetime | None
    deadline_at: datetime | None
    lapses_at: datetime | None
    labels: str
    tags: str
    unique_key: str | None
    unique_until: datetime | None
    holds_key: bool
    at_most_once: bool
    kept_completed_s: int | None
    kept_failed_s: int | None
    attempt: int
    error_count: int
    crash_count: int
    execution_unit_id: str | None
    lease_token: str | None
    outcome: Outcome | None
    progress: str | None
    result: str | None
    error_message: str | None
    error_type: str | None
    failure_group: str | None
    created_by_user_id: int | None
    created_by_application_id: int | None
    version: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class JobAttempt(NamedTuple):
    """One attempt that has ended. `error` is JSON: `{type, message, trace}`.

    A record of it is written once, then; but not of the one that completed its job, which is all in the job's row. That
    spares most jobs a row.
    """

    job_id: int
    attempt: int
    execution_unit_id: str
    lease_token: str
    outcome: Outcome
    error: str | None
    started_at: datetime
    ended_at: datetime


class JobStep(NamedTuple):
    """A named part of a job that is done, whichever attempt did it. `result` is JSON."""

    job_id: int
    name: str
    attempt: int
    result: str
    at: datetime


class LogLine(NamedTuple):
    """What an attempt says of itself. `line` counts them, from 1, with gaps perhaps; `fields` is JSON."""

    job_id: int
    attempt: int
    line: int
    level: LogLevel
    message: str
    fields: str
    at: datetime


class Intervention(NamedTuple):
    """What somebody did to a job, which made it `version`: who, and why in their words. `details` is JSON: what it was
    changed to, where the operation says so."""

    job_id: int
    version: int
    action: Operation | ByHand
    actor_kind: ActorKind
    actor_id: int | None
    actor_name: str | None
    reason: str | None
    details: str
    at: datetime


def key_digest(department_id: int, task_type: str, unique_key: str) -> str:
    """What stands for a unique key among all those of every department and type: SHA-256 in hex."""
    return hashlib.sha256(dumps([department_id, task_type, unique_key])).hexdigest()


def digest_of(job: Job) -> str | None:
    """That of a job's unique key, if it has one."""
    return None if job.unique_key is None else key_digest(job.department_id, job.task_type, job.unique_key)


def is_by_hand(job: Job) -> bool:
    """Whether the last attempt is somebody's own, and no program's."""
    return (job.execution_unit_id or "").startswith(BY_HAND)


def completing_attempt(job: Job) -> JobAttempt | None:
    """The attempt that completed a job; None for one that is not completed, as one that was and is tried anew."""
    if job.status != "COMPLETED" or job.outcome != "completed" or job.started_at is None or job.completed_at is None:
        return None
    unit_id, token = job.execution_unit_id or "", job.lease_token or ""
    return JobAttempt(job.id, job.attempt, unit_id, token, job.outcome, None, job.started_at, job.completed_at)


def reason_of(job: Job, now: datetime) -> str | None:
    """Why the job is in its state: computed, never stored."""
    if job.status == "PENDING":
        if job.run_at <= now:
            return "ready"
        if job.outcome == "snoozed":
            return "snoozed"
        return "retry_wait" if job.error_count and job.outcome in ("failed", "timed_out") else "scheduled"
    if job.status == "RUNNING":
        return "leased"
    if job.status == "FAILED":
        if job.outcome in OVER:
            return job.outcome
        if job.at_most_once and job.outcome in LOST:
            return "outcome_unknown"
        if job.outcome == "crashed":
            return "quarantined"
        return "attempts_spent" if job.error_count >= job.max_attempts else "not_retryable"
    return None


def job_view(job: Job, now: datetime) -> dict[str, Any]:
    """What the API shows of a job: everything but the token of its lease."""
    return {
        "id": job.id,
        "name": job.name,
        "taskType": job.task_type,
        "queue": job.queue,
        "config": loads(job.config),
        "status": job.status,
        "reason": reason_of(job, now),
        "priority": job.priority,
        "runAt": iso(job.run_at),
        "maxAttempts": job.max_attempts,
        "backoff": loads(job.backoff),
        "timeoutS": job.timeout_s,
        "expiresAt": _optional(job.expires_at),
        "deadlineAt": _optional(job.deadline_at),
        "labels": loads(job.labels),
        "tags": loads(job.tags),
        "uniqueKey": job.unique_key,
        "uniqueUntil": _optional(job.unique_until),
        "atMostOnce": job.at_most_once,
        "retention": {"completedS": job.kept_completed_s, "failedS": job.kept_failed_s},
        "attempt": job.attempt,
        "errorCount": job.error_count,
        "crashCount": job.crash_count,
        "executionUnitId": job.execution_unit_id,
        "progress": _decoded(job.progress),
        "result": _decoded(job.result),
        "errorMessage": job.error_message,
        "errorType": job.error_type,
        "failureGroup": job.failure_group,
        "departmentId": job.department_id,
        "version": job.version,
        "createdAt": iso(job.created_at),
        "updatedAt": iso(job.updated_at),
        "startedAt": _optional(job.started_at),
        "completedAt": _optional(job.completed_at),
    }


def intervention_view(done: Intervention) -> dict[str, Any]:
    """What the API shows of something that was done to a job."""
    return {
        "by": {"kind": done.actor_kind, "id": done.actor_id, "name": done.actor_name},
        "reason": done.reason,
        "details": loads(done.details),
    }


def step_view(step: JobStep) -> dict[str, Any]:
    """What the API shows of a step."""
    return {"name": step.name, "result": loads(step.result), "attempt": step.attempt, "at": iso(step.at)}


def line_view(line: LogLine) -> dict[str, Any]:
    """What the API shows of a line of a log."""
    return {
        "attempt": line.attempt,
        "line": line.line,
        "level": line.level,
        "message": line.message,
        "fields": loads(line.fields),
        "at": iso(line.at),
    }


def attempt_view(attempt: JobAttempt) -> dict[str, Any]:
    """What the API shows of an attempt that has ended."""
    return {
        "attempt": attempt.attempt,
        "executionUnitId": attempt.execution_unit_id,
        "outcome": attempt.outcome,
        "error": _decoded(attempt.error),
        "startedAt": iso(attempt.started_at),
        "endedAt": iso(attempt.ended_at),
    }


def _decoded(text: str | None) -> Any:
    return None if text is None else loads(text)


def _optional(at: datetime | None) -> str | None:
    return None if at is None else iso(at)
