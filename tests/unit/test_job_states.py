"""Every state of a job meets every event: what the table has happens, and nothing else does."""

from datetime import timedelta
from itertools import product
from typing import Any, get_args

import pytest

from queue_service.domain.jobs import (
    Impossible,
    backoff_of,
    completed,
    crashed,
    expired,
    failed,
    given_up,
    leased,
    lost,
    released,
    snoozed,
)
from queue_service.domain.operations import begun, operated
from queue_service.domain.transitions import MEANS, TRANSITIONS, JobEvent
from shared.job_actions import Operated
from shared.job_commands import Backoff, Report
from shared.jobs import MAX_CRASHES, TERMINAL, JobStatus
from shared.jsonio import dumps
from tests.support.jobs import NOW, TOKEN, a_job


def a_report(kind: Any, **members: Any) -> Report:
    return Report.model_validate({"taskId": 1, "attempt": 1, "leaseToken": TOKEN, "kind": kind} | members)


EVENTS: dict[JobEvent, Any] = {
    "lease": lambda job: leased(job, "u", TOKEN, NOW),
    "complete": lambda job: completed(job, a_report("complete"), NOW).job,
    "retry": lambda job: failed(job, a_report("fail"), NOW).job,
    "give_up": lambda job: failed(job, a_report("fail", retryable=False), NOW).job,
    "snooze": lambda job: snoozed(job, a_report("snooze", delayMs=5), NOW).job,
    "release": lambda job: released(job, NOW).job,
    "crash": lambda job: crashed(job, NOW).job,
    "quarantine": lambda job: crashed(job._replace(crash_count=MAX_CRASHES), NOW).job,
    "lose": lambda job: lost(job._replace(at_most_once=True), "crashed", NOW).job,
    "expire": lambda job: expired(job, NOW),
    "exceed": lambda job: given_up(job._replace(deadline_at=NOW), NOW)[0],
    "begin": lambda job: begun(job, 1, TOKEN, NOW),
    "start": lambda job: operated(job, Operated(operation="start"), NOW).job,
    "pause": lambda job: operated(job, Operated(operation="pause"), NOW).job,
    "resume": lambda job: operated(job, Operated(operation="resume"), NOW).job,
    "cancel": lambda job: operated(job, Operated(operation="cancel"), NOW).job,
    "restart": lambda job: operated(job, Operated(operation="retry"), NOW).job,
    "change": lambda job: operated(job, Operated(operation="reprioritise", priority=1), NOW).job,
}


@pytest.mark.parametrize(("status", "event"), list(product(get_args(JobStatus), EVENTS)))
def test_each_event_in_each_state(status: JobStatus, event: JobEvent) -> None:
    job = a_job(status=status)
    wanted = TRANSITIONS.get((status, event))
    if wanted is None:
        with pytest.raises(Impossible):
            EVENTS[event](job)
        return
    after = EVENTS[event](job)
    assert (after.status, after.version) == (wanted, job.version + 1)
    assert after.attempt == job.attempt + (event in ("lease", "begin"))
    assert (after.completed_at is not None) == (wanted in TERMINAL)


def test_every_event_is_described_and_nothing_but_somebodys_wish_begins_a_finished_job_anew() -> None:
    assert set(EVENTS) == set(MEANS) == set(get_args(JobEvent))
    assert {event for status, event in TRANSITIONS if status in TERMINAL} == {"restart"}


LATER = NOW + timedelta(hours=1)
LATEST = NOW + timedelta(hours=2)


@pytest.mark.parametrize(
    ("expires_at", "deadline_at", "attempt", "lapses_at"),
    [
        (None, None, 0, None),
        (LATER, None, 0, LATER),
        (LATER, LATEST, 0, LATER),
        (LATEST, LATER, 0, LATER),
        (LATER, LATEST, 1, LATEST),
        (LATER, None, 1, None),
    ],
)
@pytest.mark.parametrize("status", ["PENDING", "PAUSED"])
def test_what_waits_ends_when_it_expires_or_its_deadline_is_over_paused_or_not(
    status: Any, expires_at: Any, deadline_at: Any, attempt: int, lapses_at: Any
) -> None:
    job = a_job(status=status, attempt=attempt, expires_at=expires_at, deadline_at=deadline_at)
    there: JobEvent = "pause" if status == "PENDING" else "resume"
    assert EVENTS[there](job).lapses_at == lapses_at
    assert EVENTS["start"](job).lapses_at == lapses_at


def test_what_is_begun_anew_has_its_whole_budget_and_keeps_the_attempt_that_completed_it() -> None:
    done = completed(a_job(error_count=2, crash_count=1, progress="5"), a_report("complete", result=7), NOW).job
    again = operated(done, Operated(operation="retry", config={"a": 1}), LATER)
    job = again.job
    assert (job.error_count, job.crash_count, job.result, job.progress, job.run_at) == (0, 0, None, None, LATER)
    assert (job.config, job.config_bytes) == ('{"a":1}', 7)
    assert again.attempt is not None
    assert (again.attempt.attempt, again.attempt.outcome, again.attempt.ended_at) == (1, "completed", NOW)
    failed_for_good = failed(a_job(), a_report("fail", retryable=False), NOW).job
    assert operated(failed_for_good, Operated(operation="retry"), NOW).attempt is None  # written when it failed


@pytest.mark.parametrize("member", ["expires_at", "deadline_at"])
def test_what_is_begun_anew_is_bound_by_no_time_that_is_over(member: str) -> None:
    over, still = a_job(status="FAILED", attempt=0, **{member: NOW}), a_job(status="FAILED", **{member: LATER})
    assert getattr(operated(over, Operated(operation="retry"), NOW).job, member) is None
    assert getattr(operated(still, Operated(operation="retry"), NOW).job, member) == LATER


@pytest.mark.parametrize(
    ("kind", "waits_ms"),
    [
        ("exponential", [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]),
        ("linear", [1_000, 2_000, 3_000, 4_000, 5_000, 6_000]),
        ("fixed", [1_000] * 6),
    ],
)
def test_waits_grow_as_the_backoff_says_and_no_further(kind: Any, waits_ms: list[int]) -> None:
    backoff = Backoff(type=kind, maxMs=10_000, jitter=False)
    job = a_job(backoff=dumps(backoff.model_dump()).decode())
    assert [backoff_of(job, errors) for errors in range(1, 7)] == [timedelta(milliseconds=ms) for ms in waits_ms]
    assert backoff_of(job, 10**6) <= timedelta(milliseconds=10_000) or kind == "linear"


def test_jitter_spreads_over_the_whole_wait_and_says_the_same_again() -> None:
    jobs = [a_job(id=i, backoff=dumps(Backoff().model_dump()).decode()) for i in range(200)]
    waits = [backoff_of(job, 1).total_seconds() for job in jobs]
    assert waits == [backoff_of(job, 1).total_seconds() for job in jobs]
    assert 0 <= min(waits) < 0.1 < 0.9 < max(waits) <= 1


def test_what_the_unit_says_goes_before_the_backoff() -> None:
    assert failed(a_job(), a_report("fail", retryInMs=7), NOW).job.run_at == NOW + timedelta(milliseconds=7)
    assert failed(a_job(), a_report("fail"), NOW).job.run_at == NOW + timedelta(milliseconds=1_000)
