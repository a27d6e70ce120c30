"""What became of a job, attempt by attempt, and what was done to it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.clock import iso
from shared.jobs import TERMINAL, Intervention, Job, JobAttempt, attempt_view, intervention_view, job_view

_MEMBERS = ("attempt", "executionUnitId", "outcome", "error", "status", "by", "reason", "details")


def job_with_attempts(job: Job, ended: Sequence[JobAttempt], now: datetime) -> dict[str, Any]:
    """A job and its attempts, oldest first; the one that runs is the last."""
    return job_view(job, now) | {"attempts": [attempt_view(attempt) for attempt in ended] + _running(job)}


def history(job: Job, ended: Sequence[JobAttempt], done: Sequence[Intervention]) -> list[dict[str, Any]]:
    """The events of a job, oldest first; of one instant, what was done stands before what came of it."""
    events = [_event(each.action, each.at, **intervention_view(each)) for each in done]
    for attempt in ended:
        who = {"attempt": attempt.attempt, "executionUnitId": attempt.execution_unit_id}
        events.append(_event("started", attempt.started_at, **who))
        shown = attempt_view(attempt)
        events.append(_event("ended", attempt.ended_at, **who, outcome=attempt.outcome, error=shown["error"]))
    for running in _running(job):
        who = {"attempt": running["attempt"], "executionUnitId": running["executionUnitId"]}
        events.append(_event("started", job.started_at or job.updated_at, **who))
    if job.status in TERMINAL:
        events.append(_event("completed", job.completed_at or job.updated_at, status=job.status))
    events.sort(key=lambda event: str(event["at"]))  # all of one form, so that their text is in order, too
    return [_event("created", job.created_at), *events]


def _running(job: Job) -> list[dict[str, Any]]:
    if job.status != "RUNNING":
        return []
    return [
        {
            "attempt": job.attempt,
            "executionUnitId": job.execution_unit_id,
            "outcome": None,
            "error": None,
            "startedAt": iso(job.started_at or job.updated_at),
            "endedAt": None,
        }
    ]


def _event(name: str, at: datetime, **members: Any) -> dict[str, Any]:
    return {"event": name, "at": iso(at)} | dict.fromkeys(_MEMBERS) | members
