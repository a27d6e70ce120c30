"""What people and programs do to a job that is there, as pure functions. Which of it is possible in which state stands
in `transitions`; `jobs.Impossible` is raised for the rest."""

from datetime import datetime, timedelta
from typing import Any, Literal

from queue_service.domain.jobs import Ended, completed, ended, failed, leased, moved, released
from shared.actor import ActorId, ApplicationId
from shared.clock import iso
from shared.job_actions import Operated
from shared.job_commands import Report, ReportedError
from shared.jobs import BY_HAND, TERMINAL, ByHand, Job, JobStatus, Operation, completing_attempt
from shared.jsonio import dumps


def operated(job: Job, wanted: Operated, now: datetime) -> Ended:
    """A job after an operation, and the record of the attempt that it ends or that has to be kept from now on."""
    match wanted.operation:
        case "start":
            return Ended(moved(job, "start", now, run_at=now), None)
        case "pause" | "resume" as event:
            return Ended(moved(job, event, now), None)
        case "cancel":
            return _cancelled(job, now)
        case "retry":
            return _restarted(job, wanted.config, now)
        case "reprioritise":
            return Ended(moved(job, "change", now, priority=wanted.priority), None)
        case "reschedule":
            at = now + timedelta(milliseconds=wanted.delayMs or 0)
            run_at = at if wanted.runAt is None else datetime.fromisoformat(wanted.runAt)
            return Ended(moved(job, "change", now, run_at=run_at), None)


def details_of(before: Job, after: Job, wanted: Operation | ByHand) -> dict[str, Any]:
    """What an operation changed a job to, as far as its name does not say it."""
    match wanted:
        case "reprioritise":
            return {"from": before.priority, "to": after.priority}
        case "reschedule":
            return {"from": iso(before.run_at), "to": iso(after.run_at)}
        case "retry":
            return {"hasNewConfig": before.config != after.config}
        case _:
            return {}


def operation_for(job: Job, status: JobStatus, actor_id: ActorId | None) -> Operation | ByHand | None:
    """What brings a job into a state when somebody asks for that; None where nothing does. Who runs a job themselves
    ends it by its state; nobody else does so. One that may run at most once is not handed back: it was begun."""
    is_own = job.status == "RUNNING" and job.execution_unit_id == holder_name(actor_id)
    wanted: dict[JobStatus, Operation | ByHand | None] = {
        "PENDING": "retry" if job.status in TERMINAL else "resume",
        "RUNNING": "begin",
        "PAUSED": "pause",
        "CANCELLED": "cancel",
    }
    if is_own:
        wanted |= {"COMPLETED": "complete", "FAILED": "fail"}
        if not job.at_most_once:
            wanted["PENDING"] = "release"
    return wanted.get(status)


def begun(job: Job, actor_id: ActorId | None, token: str, now: datetime) -> Job:
    """An attempt by somebody themselves, for as long as an attempt may take."""
    return leased(job, holder_name(actor_id), token, now, "begin")


def ended_by_hand(
    job: Job, how: Literal["complete", "fail", "release"], result: Any, reason: str | None, now: datetime
) -> Ended:
    """The end of such an attempt, as whoever made it says."""
    if how == "release":
        return released(job, now)
    fence = {"taskId": job.id, "attempt": job.attempt, "leaseToken": job.lease_token, "kind": how}
    if how == "complete":
        return completed(job, Report.model_validate(fence | {"result": result}), now)
    error = ReportedError(type="by hand", message=reason or "given up by whoever ran it")
    return failed(job, Report.model_validate(fence | {"error": error, "retryable": False}), now)


def brief_view(job: Job) -> dict[str, Any]:
    """What an operation may change, but for what may be large: for the audit log."""
    return {
        "name": job.name,
        "taskType": job.task_type,
        "status": job.status,
        "priority": job.priority,
        "runAt": iso(job.run_at),
        "attempt": job.attempt,
        "configBytes": job.config_bytes,
        "version": job.version,
    }


def holder_name(actor_id: ActorId | None) -> str:
    """The id of the unit that somebody is who runs a job themselves."""
    if isinstance(actor_id, ApplicationId):
        return f"{BY_HAND}application-{actor_id.number}"
    return f"{BY_HAND}{'system' if actor_id is None else actor_id}"


def _cancelled(job: Job, now: datetime) -> Ended:
    """Its end, at once: a unit that runs it is told, and what that unit reports later counts no more."""
    if job.status == "RUNNING":
        return ended(job, "cancel", "cancelled", now, completed_at=now)
    return Ended(moved(job, "cancel", now, completed_at=now), None)


def _restarted(job: Job, config: dict[str, Any] | None, now: datetime) -> Ended:
    """As it was submitted, but for the attempts that are counted on, and the times that are over."""
    members: dict[str, Any] = {
        "run_at": now,
        "error_count": 0,
        "crash_count": 0,
        "result": None,
        "progress": None,
        "completed_at": None,
        "holds_key": job.unique_key is not None,
    }
    for name in ("expires_at", "deadline_at"):
        at = getattr(job, name)
        if at is not None and at <= now:
            members[name] = None
    if config is not None:
        text = dumps(config)
        members |= {"config": text.decode(), "config_bytes": len(text)}
    # the row said all of the attempt that completed it; from now on the next one is there
    return Ended(moved(job, "restart", now, **members), completing_attempt(job))
