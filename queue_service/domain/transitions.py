"""Which states a job can go through, and by what. Whatever is not in the table cannot happen (docs/job-states.md is
made from it)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from shared.jobs import JobStatus

JobEvent = Literal[
    "lease",
    "expire",
    "complete",
    "retry",
    "give_up",
    "snooze",
    "release",
    "crash",
    "quarantine",
    "lose",
    "exceed",
    "begin",
    "start",
    "pause",
    "resume",
    "cancel",
    "restart",
    "change",
]

TRANSITIONS: Final[Mapping[tuple[JobStatus, JobEvent], JobStatus]] = MappingProxyType(
    {
        ("PENDING", "lease"): "RUNNING",
        ("PENDING", "expire"): "FAILED",
        ("PENDING", "exceed"): "FAILED",
        ("PENDING", "begin"): "RUNNING",
        ("PENDING", "start"): "PENDING",
        ("PENDING", "pause"): "PAUSED",
        ("PENDING", "cancel"): "CANCELLED",
        ("PENDING", "change"): "PENDING",
        ("RUNNING", "complete"): "COMPLETED",
        ("RUNNING", "retry"): "PENDING",
        ("RUNNING", "give_up"): "FAILED",
        ("RUNNING", "snooze"): "PENDING",
        ("RUNNING", "release"): "PENDING",
        ("RUNNING", "crash"): "PENDING",
        ("RUNNING", "quarantine"): "FAILED",
        ("RUNNING", "lose"): "FAILED",
        ("RUNNING", "exceed"): "FAILED",
        ("RUNNING", "cancel"): "CANCELLED",
        ("PAUSED", "expire"): "FAILED",
        ("PAUSED", "exceed"): "FAILED",
        ("PAUSED", "start"): "PENDING",
        ("PAUSED", "resume"): "PENDING",
        ("PAUSED", "cancel"): "CANCELLED",
        ("PAUSED", "change"): "PAUSED",
        ("COMPLETED", "restart"): "PENDING",
        ("FAILED", "restart"): "PENDING",
        ("CANCELLED", "restart"): "PENDING",
    }
)

MEANS: Final[Mapping[JobEvent, str]] = MappingProxyType(
    {
        "lease": "a unit is given it",
        "expire": "nobody had begun it by its `expiresAt`",
        "complete": "whoever runs it says it is done",
        "retry": "it failed, or took longer than its timeout, and has attempts left",
        "give_up": "it failed for the last time, or for good",
        "snooze": "its unit wants it again later",
        "release": "whoever runs it hands it back",
        "crash": "its unit went silent",
        "quarantine": "its unit went silent once too often",
        "lose": "nobody reported how its attempt ended, and it may run at most once",
        "exceed": "its deadline is over",
        "begin": "somebody runs it themselves",
        "start": "somebody wants it to run now",
        "pause": "somebody wants it to wait",
        "resume": "somebody lets it go on",
        "cancel": "somebody does not want it any more",
        "restart": "somebody wants it to be tried anew: `retry`",
        "change": "somebody gives it another priority or time",
    }
)


def after(status: JobStatus, event: JobEvent) -> JobStatus | None:
    """The state that follows; None where the event cannot happen."""
    return TRANSITIONS.get((status, event))
