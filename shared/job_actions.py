"""The data of every command about what people and programs do to a job that is there (seed 001, CONTRACTS 6)."""

from typing import Annotated, Any, Final, Self

from pydantic import StringConstraints, model_validator

from shared.application_commands import Instant
from shared.commands import CommandData, RowId, Version
from shared.job_commands import Milliseconds, Priority
from shared.jobs import JobStatus, Operation
from shared.wire import REASON

Reason = Annotated[str, StringConstraints(pattern=REASON)]


class Operated(CommandData):
    """One operation, and what it takes.

    start         it may run now, whatever it waited for
    pause         it waits until it is resumed
    resume        it goes on waiting, as before the pause
    cancel        it ends; its unit, if it runs, is told with the next beat
    retry         it begins anew, with its whole budget of errors; with another `config` perhaps
    reprioritise  `priority`
    reschedule    `runAt` or `delayMs`
    """

    operation: Operation
    config: dict[str, Any] | None = None
    priority: Priority | None = None
    runAt: Instant | None = None
    delayMs: Milliseconds | None = None

    @model_validator(mode="after")
    def _takes_what_it_takes(self) -> Self:
        given = {name for name in _MEMBERS if getattr(self, name) is not None}
        if surplus := given - _TAKES.get(self.operation, frozenset()):
            raise ValueError(f"{self.operation} does not take {' or '.join(sorted(surplus))}")
        if self.operation == "reprioritise" and not given:
            raise ValueError("reprioritise takes a priority")
        if self.operation == "reschedule" and len(given) != 1:
            raise ValueError("reschedule takes runAt or delayMs, one of them")
        return self


_MEMBERS: Final = ("config", "priority", "runAt", "delayMs")
_TAKES: Final[dict[str, frozenset[str]]] = {
    "retry": frozenset({"config"}),
    "reprioritise": frozenset({"priority"}),
    "reschedule": frozenset({"runAt", "delayMs"}),
}


class Saying(CommandData):
    """What the body of every change may say besides; all that `POST /tasks/{id}/start` and its like take."""

    reason: Reason | None = None
    version: Version | None = None


class JobOperation(Operated, Saying):
    """The body of `POST /tasks/{id}/operations`."""


class StatusChange(Saying):
    """The body of `PUT /tasks/{id}/status`.

    RUNNING    whoever asks runs it themselves, for at most `timeoutS`
    COMPLETED  they are done: `result`
    FAILED     they gave it up: `reason`
    PENDING    it is resumed, begins anew, or is handed back by whoever runs it themselves
    PAUSED, CANCELLED
    """

    status: JobStatus
    result: Any = None

    @model_validator(mode="after")
    def _has_a_result_of_its_own(self) -> Self:
        if self.result is not None and self.status != "COMPLETED":
            raise ValueError("has a result when it is COMPLETED alone")
        return self


class OperateJob(Operated):
    """operate-job."""

    taskId: RowId


class SetJobStatus(CommandData):
    """set-job-status."""

    taskId: RowId
    status: JobStatus
    result: Any = None
