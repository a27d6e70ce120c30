"""The data of every command about queues (seed 002)."""

from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field

from shared.commands import CommandData, RowId, Whole
from shared.job_actions import Saying
from shared.job_commands import QueueName

MOST_AT_ONCE: Final = 100_000
LONGEST_PERIOD: Final = timedelta(hours=1)
"""In which starts are counted."""


class Starts(CommandData):
    """How many attempts may begin in any `perMs` milliseconds, counted back from each instant."""

    most: Annotated[int, Field(ge=1, le=MOST_AT_ONCE), Whole]
    perMs: Annotated[int, Field(ge=1, le=LONGEST_PERIOD // timedelta(milliseconds=1)), Whole]


class Limits(CommandData):
    """What a queue is held to; null, or left out: no limit."""

    concurrency: Annotated[int, Field(ge=1, le=MOST_AT_ONCE), Whole] | None = None
    starts: Starts | None = None


class QueueLimits(Limits, Saying):
    """The body of `PUT /queues/{name}`."""


class QueueRef(CommandData):
    """pause-queue and resume-queue."""

    departmentId: RowId
    name: QueueName


class LimitQueue(QueueRef, Limits):
    """limit-queue."""
