"""The data of every command about jobs and execution units (seed 001, CONTRACTS 6 and 7)."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.application_commands import Instant
from shared.commands import CommandData, RowId, Whole
from shared.jobs import BY_HAND, LogLevel
from shared.jsonio import dumps

MAX_JOBS_A_COMMAND: Final = 500
"""Jobs or reports that one command holds."""

MAX_WAIT_S: Final = 30
"""The longest that anybody waits for an answer."""

_NAME = r"^[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
_IN_A_PATH = r"^[^\x00-\x20/\x7f](?:[^\x00-\x1f/\x7f]*[^\x00-\x20/\x7f])?$"
_DAY_MS: Final = 86_400_000
_YEAR_S: Final = 31_536_000
_MAX_LABELS_BYTES: Final = 65_535
_MAX_PROGRESS_BYTES: Final = 16_384


def _fit_their_column(labels: dict[str, str]) -> dict[str, str]:
    if len(dumps(labels)) > _MAX_LABELS_BYTES:
        raise ValueError(f"take at most {_MAX_LABELS_BYTES} bytes together")
    return labels


def _fit_beside_the_job(progress: Any) -> Any:
    if len(dumps(progress)) > _MAX_PROGRESS_BYTES:
        raise ValueError(f"takes at most {_MAX_PROGRESS_BYTES} bytes: put what is large into the result")
    return progress


JobName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_NAME)]
TypeName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_NAME)]
# it is a part of paths
QueueName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_IN_A_PATH)]
UNIT_ID: Final = r"^[A-Za-z0-9._:@-]+$"


def _is_a_program(unit_id: str) -> str:
    if unit_id.startswith(BY_HAND):
        raise ValueError(f"begins with {BY_HAND}, which stands for people")
    return unit_id


UnitId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=UNIT_ID),
    Field(json_schema_extra={"examples": ["worker-001"]}),
]
LeaseToken = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{32}$"), Field(json_schema_extra={"examples": ["0123456789abcdef" * 2]})
]
Nonce = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Labels = Annotated[
    dict[Label, Annotated[str, StringConstraints(max_length=255)]],
    Field(max_length=50),
    AfterValidator(_fit_their_column),
]
Tags = Annotated[list[Label], Field(max_length=50)]
Load = Annotated[int, Field(ge=0, lt=2**31), Whole]
Priority = Annotated[int, Field(ge=0, le=9), Whole]
Attempt = Annotated[int, Field(ge=1, lt=2**31), Whole]
Milliseconds = Annotated[int, Field(ge=0, le=365 * _DAY_MS), Whole]


class Backoff(CommandData):
    """How long a job waits after an error: `delayMs`, growing with each, at most `maxMs`. With `jitter` any time up to
    that, so that many that failed together do not come back together."""

    type: Literal["exponential", "linear", "fixed"] = "exponential"
    delayMs: Annotated[int, Field(ge=1, le=_DAY_MS), Whole] = 1_000
    maxMs: Annotated[int, Field(ge=1, le=_DAY_MS), Whole] = 300_000
    jitter: bool = True


USUAL_BACKOFF: Final = Backoff()


class Retention(CommandData):
    """How many seconds a job is kept once it is finished. `failedS` is also for one that was cancelled."""

    completedS: Annotated[int, Field(ge=0, le=_YEAR_S), Whole] | None = None
    failedS: Annotated[int, Field(ge=0, le=_YEAR_S), Whole] | None = None


USUAL_RETENTION: Final = Retention()


class NewJob(CommandData):
    """submit-job. `config` is handed to the unit as it is. `runAt` or `delayMs`, not both; without either it runs as
    soon as a unit is free. `maxAttempts` counts errors alone.

    Three clocks besides: an attempt takes at most `timeoutS`; all of them end `deadlineS` after the first one could
    begin; and none begins after `expiresAt`, but for those of a job that was begun before.

    With a `uniqueKey` it is the only one of its department and type that has it: until it is finished, and for
    `uniqueForS` from now on if that is longer. `uniqueMode` says what becomes of one that comes while another has the
    key. `return`: that other one is the answer. `reject`: it is refused. `replace`: it takes the key, and the other one
    is cancelled unless it runs.

    `atMostOnce`: no second attempt is made by itself, whatever became of the first. One whose end nobody reported
    ends the job: FAILED, `outcome_unknown`.
    """

    name: JobName
    taskType: TypeName
    config: dict[str, Any] = Field(default={})
    priority: Priority = 5
    queue: QueueName = "default"
    runAt: Instant | None = None
    delayMs: Milliseconds | None = None
    maxAttempts: Annotated[int, Field(ge=1, le=1_000), Whole] | None = None
    # one for all that say nothing: pydantic would copy it for each job
    backoff: Backoff = Field(
        default_factory=lambda: USUAL_BACKOFF, json_schema_extra={"default": USUAL_BACKOFF.model_dump()}
    )
    timeoutS: Annotated[int, Field(ge=1, le=86_400), Whole] = 60
    deadlineS: Annotated[int, Field(ge=1, le=_YEAR_S), Whole] | None = None
    expiresAt: Instant | None = None
    labels: Labels = Field(default={})
    tags: Tags = Field(default=[])
    uniqueKey: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_NAME)] | None = None
    uniqueMode: Literal["return", "replace", "reject"] = "return"
    uniqueForS: Annotated[int, Field(ge=1, le=_YEAR_S), Whole] | None = None
    atMostOnce: bool = False
    retention: Retention = Field(default_factory=lambda: USUAL_RETENTION, json_schema_extra={"default": {}})

    @model_validator(mode="after")
    def _names_one_time(self) -> "NewJob":
        if self.runAt is not None and self.delayMs is not None:
            raise ValueError("takes runAt or delayMs, not both")
        if self.runAt is not None and self.expiresAt is not None and self.expiresAt <= self.runAt:
            raise ValueError("would expire before it may run: expiresAt must be after runAt")
        if self.uniqueKey is None and (self.uniqueMode != "return" or self.uniqueForS is not None):
            raise ValueError("needs a uniqueKey where it names uniqueMode or uniqueForS")
        return self


class NewJobs(CommandData):
    """submit-jobs."""

    jobs: Annotated[list[NewJob], Field(min_length=1, max_length=MAX_JOBS_A_COMMAND)]


class NewUnit(CommandData):
    """register-unit. `unitType` is a type of job it runs, `taskTypes` more of them. `bootNonce` is another one at each
    start of its process: what the process before it held goes back at once."""

    id: Annotated[UnitId, AfterValidator(_is_a_program)]
    unitType: TypeName
    unitName: JobName
    capacity: Annotated[int, Field(ge=1, le=10_000), Whole]
    endpoint: Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://[^\s]+$")] | None = None
    taskTypes: Annotated[list[TypeName], Field(max_length=100)] = Field(default=[])
    labels: Labels = Field(default={})
    bootNonce: Nonce | None = None


class UnitChange(CommandData):
    """change-unit, by people or by the unit itself, in the actor's department."""

    unitId: UnitId
    to: Literal["ONLINE", "DRAINING", "OFFLINE", "GONE"]


class UnitRef(CommandData):
    """A unit by its department and the id it gave itself."""

    departmentId: RowId
    unitId: UnitId


class LineRef(CommandData):
    """A type of job in a queue of a department."""

    departmentId: RowId
    queue: QueueName
    taskType: TypeName


class NewLeases(UnitRef):
    """lease-jobs, by the engine, to a unit: all under one token. `queues` are those that the jobs are of, each
    with the version of what was set up of it, as the engine knew it: what is limited otherwise by now is left out."""

    jobIds: Annotated[list[RowId], Field(min_length=1, max_length=MAX_JOBS_A_COMMAND)]
    queues: dict[QueueName, Annotated[int, Field(ge=0)]]
    token: LeaseToken


class LostLease(CommandData):
    """An attempt that ends without a report."""

    jobId: RowId
    attempt: Attempt
    outcome: Literal["crashed", "timed_out", "released"]


class UnitState(UnitRef):
    """What the engine knows of a unit: whether it beats, and what it said last."""

    isSilent: bool
    currentLoad: Load = 0
    metadata: dict[str, Any] = Field(default={})


class Settlement(CommandData):
    """settle-units, by the engine: units that went silent or came back, the attempts that end with that, and the jobs
    whose time is over."""

    units: Annotated[list[UnitState], Field(max_length=MAX_JOBS_A_COMMAND)] = Field(default=[])
    lost: Annotated[list[LostLease], Field(max_length=MAX_JOBS_A_COMMAND)] = Field(default=[])
    overdue: Annotated[list[RowId], Field(max_length=MAX_JOBS_A_COMMAND)] = Field(default=[])


class ReportedError(CommandData):
    """What went wrong, in the unit's words."""

    type: Annotated[str, StringConstraints(max_length=255)] = ""
    message: Annotated[str, StringConstraints(max_length=10_000)]
    trace: Annotated[str, StringConstraints(max_length=100_000)] = ""


class Report(CommandData):
    """What became of an attempt, or how far it is. The fence is (taskId, attempt, leaseToken).

    complete  `result`
    fail      `error`; `retryable` false ends the job, `retryInMs` says when to try again
    snooze    `delayMs`: again then; it costs no attempt
    release   at once, by another unit perhaps; it costs no attempt. One that may run at most once is taken back only
              with `neverStarted`, from a unit that has not begun it; so it is with `snooze`
    progress  `progress`
    step      `name`, `result`: this part of the job is done. It is kept for later attempts, and kept once: the first
              result stays, and is the answer to whoever reports another one
    log       `line`, `level`, `message`, `fields`: `line` counts those of the attempt from 1, and rises; one that is
              not above the last one is taken for a repetition of it
    """

    taskId: RowId
    attempt: Attempt
    leaseToken: LeaseToken
    kind: Literal["complete", "fail", "snooze", "release", "progress", "step", "log"]
    result: Any = None
    error: ReportedError | None = None
    retryable: bool = True
    retryInMs: Milliseconds | None = None
    delayMs: Milliseconds | None = None
    neverStarted: bool = False
    progress: Annotated[Any, AfterValidator(_fit_beside_the_job)] = None
    name: Label | None = None
    line: Annotated[int, Field(ge=1, lt=2**31), Whole] | None = None
    level: LogLevel = "info"
    message: Annotated[str, StringConstraints(max_length=8_192)] = ""
    fields: Annotated[dict[str, Any], AfterValidator(_fit_beside_the_job)] = Field(default={})

    @model_validator(mode="after")
    def _says_which(self) -> "Report":
        if self.kind == "step" and self.name is None:
            raise ValueError("needs a name where its kind is step")
        if self.kind == "log" and self.line is None:
            raise ValueError("needs a line where its kind is log")
        return self


class ReportList(CommandData):
    """What a unit says of its attempts, in order."""

    reports: Annotated[list[Report], Field(min_length=1, max_length=MAX_JOBS_A_COMMAND)]


class Reports(ReportList):
    """report-jobs, by a unit of the actor's department."""

    unitId: UnitId


class HeldLease(CommandData):
    """An attempt that a unit says it works on."""

    taskId: RowId
    attempt: Attempt


class Beat(CommandData):
    """A unit's sign of life. With `leases` those it does not name go back; without it all of its leases go on."""

    currentLoad: Load
    metadata: dict[str, Any] = Field(default={})
    leases: Annotated[list[HeldLease], Field(max_length=10_000)] | None = None
    bootNonce: Nonce | None = None


class Claim(CommandData):
    """A unit's wish for jobs: at most `max`, waiting for the first one at most `waitS`. The same `claimId` again gets
    what it got before."""

    max: Annotated[int, Field(ge=1, le=MAX_JOBS_A_COMMAND), Whole] = 1
    waitS: Annotated[float, Field(ge=0, le=MAX_WAIT_S)] = 0
    claimId: Nonce
    bootNonce: Nonce | None = None
