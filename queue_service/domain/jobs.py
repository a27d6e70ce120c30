"""What happens to a job, as pure functions: leased, and the ways in which an attempt ends."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from queue_service.domain.failures import fingerprint
from queue_service.domain.transitions import JobEvent, after
from shared.job_commands import Backoff, Report, ReportedError
from shared.jobs import MAX_CRASHES, TERMINAL, Job, JobAttempt, JobStatus, Outcome
from shared.jsonio import dumps, loads

_MAX_MESSAGE: Final = 1_000

SMALL: Final = 1_024
"""Bytes, or nearly: a job whose texts are longer than this together is not kept in memory with all of them."""

KEPT: Final[Mapping[JobStatus, timedelta]] = MappingProxyType(
    {"COMPLETED": timedelta(hours=1), "FAILED": timedelta(hours=24), "CANCELLED": timedelta(hours=24)}
)
"""How long finished jobs are kept at least (seed 002), where they do not say otherwise."""


class Impossible(Exception):
    """An event in a state that has none such: a mistake of ours."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A job after an attempt, and the record of that attempt, if there is to be one."""

    job: Job
    attempt: JobAttempt | None


def leased(job: Job, unit_id: str, token: str, now: datetime, event: JobEvent = "lease") -> Job:
    """The next attempt at a job, by a unit."""
    return moved(
        job,
        event,
        now,
        attempt=job.attempt + 1,
        execution_unit_id=unit_id,
        lease_token=token,
        outcome=None,
        progress=None,
        started_at=now,
    )


def brief(job: Job) -> Job:
    """What is kept of it while it runs: without what is large."""
    return job if is_small(job) else job._replace(config="", progress="", labels="", tags="")


def is_small(job: Job) -> bool:
    """Whether as many of them as there may be can be kept in memory."""
    return job.config_bytes + len(job.labels) + len(job.tags) + len(job.progress or "") <= SMALL


def completed(job: Job, report: Report, now: datetime) -> Ended:
    """Done. The row has all that there is to say of the attempt: it needs no record as long as that stays so."""
    result = None if report.result is None else dumps(report.result).decode()
    members: dict[str, Any] = {"outcome": "completed", "result": result, "completed_at": now}
    return Ended(moved(job, "complete", now, error_message=None, error_type=None, failure_group=None, **members), None)


def failed(job: Job, report: Report, now: datetime) -> Ended:
    """An error, in the unit's words: another attempt later, while there are any and the unit does not say otherwise."""
    error = report.error or ReportedError(message="failed")
    wait = None if report.retryInMs is None else timedelta(milliseconds=report.retryInMs)
    return _errored(job, "failed", error, now, is_retryable=report.retryable, wait=wait)


def timed_out(job: Job, now: datetime) -> Ended:
    """The attempt took longer than it may: an error like any other."""
    error = ReportedError(type="timeout", message=f"no result within {job.timeout_s} s")
    return _errored(job, "timed_out", error, now)


def lost(job: Job, outcome: Outcome, now: datetime) -> Ended:
    """An attempt that nobody reported on: its unit went silent, it took too long, or it was taken away. Where there
    may be one attempt at most nobody knows any more whether it was made."""
    if job.at_most_once:
        message = f"its attempt was {_LOST_BY.get(outcome, outcome)}, and it may run at most once"
        return ended(job, "lose", outcome, now, completed_at=now, **_error("outcome_unknown", message))
    match outcome:
        case "crashed":
            return crashed(job, now)
        case "timed_out":
            return timed_out(job, now)
        case _:
            return released(job, now)


_LOST_BY: Final[Mapping[Outcome, str]] = MappingProxyType(
    {"crashed": "lost with its unit", "timed_out": "not over in time", "released": "taken away from its unit"}
)


def snoozed(job: Job, report: Report, now: datetime) -> Ended:
    again_at = now + timedelta(milliseconds=report.delayMs or 0)
    return ended(job, "snooze", "snoozed", now, run_at=again_at)


def released(job: Job, now: datetime) -> Ended:
    """Handed back, ready for another unit; nothing is counted."""
    return ended(job, "release", "released", now, run_at=now)


def crashed(job: Job, now: datetime) -> Ended:
    """Its unit went silent. Counted apart from errors: what crashes again and again may be what kills its units."""
    count = job.crash_count + 1
    if count > MAX_CRASHES:
        error = _error("quarantined", f"its unit went silent {count} times while it ran")
        return ended(job, "quarantine", "crashed", now, crash_count=count, completed_at=now, **error)
    return ended(job, "crash", "crashed", now, crash_count=count, run_at=now)


def is_over(job: Job, now: datetime) -> bool:
    """Whether time has ended what an unfinished job is in."""
    return job.status not in TERMINAL and job.lapses_at is not None and job.lapses_at <= now


def given_up(job: Job, now: datetime) -> tuple[Job, JobAttempt | None]:
    """A job whose time is over, and the record of the attempt that this ends, if one runs."""
    if job.status == "RUNNING":
        message = ReportedError(type="deadline", message="the deadline of the job is over")
        done = ended(
            job,
            "exceed",
            "deadline_exceeded",
            now,
            error=dumps(message.model_dump()).decode(),
            completed_at=now,
            **_error(message.type, message.message),
        )
        return done.job, done.attempt
    if job.deadline_at is not None and job.deadline_at <= now:
        error = _error("deadline", "the deadline of the job is over")
        return moved(job, "exceed", now, completed_at=now, outcome="deadline_exceeded", **error), None
    return expired(job, now), None


def expired(job: Job, now: datetime) -> Job:
    """A job that no unit had begun by its `expiresAt`."""
    error = _error("expired", "no unit had begun it when it expired")
    return moved(job, "expire", now, completed_at=now, outcome="expired", **error)


def backoff_of(job: Job, errors: int) -> timedelta:
    """The wait after that many errors. Drawn anew for each attempt, and the same whenever it is asked again."""
    backoff = Backoff.model_validate(loads(job.backoff))
    grown = {
        # beyond 2**31 any `maxMs` is reached
        "exponential": backoff.delayMs * 2 ** min(errors - 1, 31),
        "linear": backoff.delayMs * errors,
        "fixed": backoff.delayMs,
    }[backoff.type]
    wait_ms = float(min(grown, backoff.maxMs))
    if backoff.jitter:
        wait_ms *= random.Random(f"{job.id}.{job.attempt}").random()  # noqa: S311 - spreads load, hides nothing
    return timedelta(milliseconds=round(wait_ms))


def _errored(
    job: Job,
    outcome: Outcome,
    error: ReportedError,
    now: datetime,
    *,
    is_retryable: bool = True,
    wait: timedelta | None = None,
) -> Ended:
    count = job.error_count + 1
    members = {"error_count": count} | _error(error.type, error.message, error.trace)
    text = dumps(error.model_dump()).decode()
    if not is_retryable or job.at_most_once or count >= job.max_attempts:
        return ended(job, "give_up", outcome, now, error=text, completed_at=now, **members)
    again_at = now + (backoff_of(job, count) if wait is None else wait)
    return ended(job, "retry", outcome, now, error=text, run_at=again_at, **members)


def _error(error_type: str, message: str, trace: str = "") -> dict[str, Any]:
    """What a job shows of an error."""
    return {
        "error_type": error_type,
        "error_message": message[:_MAX_MESSAGE],
        "failure_group": fingerprint(error_type, message, trace),
    }


def ended(
    job: Job, event: JobEvent, outcome: Outcome, now: datetime, *, error: str | None = None, **members: Any
) -> Ended:
    """A job whose attempt has ended, and the record of it. One that was replaced while it ran does not wait again."""
    record = JobAttempt(
        job_id=job.id,
        attempt=job.attempt,
        execution_unit_id=job.execution_unit_id or "",
        lease_token=job.lease_token or "",
        outcome=outcome,
        error=error,
        started_at=job.started_at or now,
        ended_at=now,
    )
    if after(job.status, event) == "PENDING" and job.unique_key is not None and not job.holds_key:
        members |= {"run_at": job.run_at, "completed_at": now, "error_message": "replaced by a later job while it ran"}
        event = "cancel"
    return Ended(moved(job, event, now, outcome=outcome, **members), record)


def moved(job: Job, event: JobEvent, now: datetime, **members: Any) -> Job:
    """A job after an event, with other values of some members. Raises Impossible."""
    status = after(job.status, event)
    if status is None:
        raise Impossible(f"{event} of a job that is {job.status}")
    if status in TERMINAL:
        holds_key = job.holds_key and job.unique_until is not None and job.unique_until > now
        lapses_at: datetime | None = _kept_until(job, status, now, holds_key=holds_key)
        members["holds_key"] = holds_key
    elif members.get("attempt", job.attempt):
        lapses_at = members.get("deadline_at", job.deadline_at)
    else:
        lapses_at = soonest(members.get("expires_at", job.expires_at), members.get("deadline_at", job.deadline_at))
    return job._replace(status=status, version=job.version + 1, updated_at=now, lapses_at=lapses_at, **members)


def _kept_until(job: Job, status: JobStatus, now: datetime, *, holds_key: bool) -> datetime:
    """Until when a finished job is kept at least: as long as it holds its key it has to be there."""
    own = job.kept_completed_s if status == "COMPLETED" else job.kept_failed_s
    kept = now + (KEPT[status] if own is None else timedelta(seconds=own))
    return max(kept, job.unique_until) if holds_key and job.unique_until is not None else kept


def keeps_others_off(job: Job, now: datetime) -> bool:
    """Whether nobody else may have its unique key now."""
    is_within = job.unique_until is not None and job.unique_until > now
    return job.holds_key and (job.status not in TERMINAL or is_within)


def replaced(job: Job, by: int, now: datetime) -> Job:
    """A job after another one has taken its unique key: cancelled if it waits; what runs runs on, and does not wait
    again after that. What is finished is kept no longer for its key."""
    keyless = job._replace(holds_key=False)
    if job.status in TERMINAL:
        kept_until = _kept_until(job, job.status, job.completed_at or now, holds_key=False)
        keyless = keyless._replace(lapses_at=kept_until)
    if job.status in ("PENDING", "PAUSED"):
        return moved(keyless, "cancel", now, completed_at=now, error_message=f"replaced by job {by}")
    return keyless._replace(version=job.version + 1, updated_at=now)


def soonest(*instants: datetime | None) -> datetime | None:
    """The first of some instants; None when none is given."""
    return min((at for at in instants if at is not None), default=None)
