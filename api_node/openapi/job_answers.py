"""The shapes of answers about jobs and execution units, beside those of `answers`."""

from typing import Annotated, Any, Literal

from pydantic import Field

from api_node.job_why import Reason
from api_node.openapi.answers import Count, FieldFault, Instant, Shape
from shared.audit import ActorKind
from shared.commands import RowId, Version
from shared.job_commands import Backoff, JobName, Label, Priority, QueueName, Retention, TypeName, UnitId
from shared.jobs import ByHand, JobStatus, LogLevel, Operation, Outcome
from shared.queue_commands import Starts
from shared.units import UnitStatus


class CursorPage(Shape):
    """One page of a list of the `/api/v1` door. `total` is exact up to 10,000."""

    total: Annotated[int, Field(ge=0, le=10_000)]
    totalIsCapped: Literal[True] = True
    page: Annotated[int, Field(ge=1)]
    limit: Annotated[int, Field(ge=1)]
    nextCursor: str | None = Field(description="`?cursor=` of the next page; null on the last one")


FailureGroup = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class Job(Shape):
    """A job."""

    id: RowId
    name: JobName
    taskType: TypeName
    queue: QueueName
    config: dict[str, Any] = Field(description="handed to the unit as it is")
    status: JobStatus
    reason: (
        Literal[
            "ready",
            "scheduled",
            "snoozed",
            "retry_wait",
            "leased",
            "quarantined",
            "outcome_unknown",
            "attempts_spent",
            "not_retryable",
            "expired",
            "deadline_exceeded",
        ]
        | None
    ) = Field(description="why it is in its state; `quarantined`: units went silent again and again while it ran")
    priority: Priority = Field(description="0 runs first")
    runAt: Instant = Field(description="not before")
    maxAttempts: Annotated[int, Field(ge=1)] = Field(description="errors alone are counted")
    backoff: Backoff
    timeoutS: Annotated[int, Field(ge=1)] = Field(description="the longest an attempt may take")
    expiresAt: Instant | None = Field(description="no first attempt begins after it")
    deadlineAt: Instant | None = Field(description="when the last attempt has to have ended")
    labels: dict[str, str]
    tags: list[str]
    uniqueKey: str | None = Field(description="no other job of its department and type has it until it is finished")
    uniqueUntil: Instant | None = Field(description="nor before this time")
    atMostOnce: bool = Field(description="no second attempt is made by itself")
    retention: Retention = Field(description="how many seconds it is kept once it is finished; null: as others are")
    attempt: Count = Field(description="attempts begun so far")
    errorCount: Count
    crashCount: Count = Field(description="attempts whose unit went silent")
    executionUnitId: str | None = Field(description="of the last attempt")
    progress: Any = Field(description="what the running attempt said last")
    result: Any
    errorMessage: str | None
    errorType: str | None = Field(description="the class of the last error, in the unit's words or ours")
    failureGroup: FailureGroup | None = Field(description="what failures of one kind have in common")
    departmentId: RowId
    version: Version
    createdAt: Instant
    updatedAt: Instant
    startedAt: Instant | None = Field(description="of the last attempt")
    completedAt: Instant | None


class JobInTheWay(Job):
    """Another job, which has the unique key."""

    conflict: Literal[True]


class JobInTheWayInBrief(Shape):
    """The same for somebody who may not see jobs."""

    id: RowId
    status: JobStatus
    uniqueKey: str
    version: Version
    conflict: Literal[True]


class JobPage(CursorPage):
    """One page of jobs."""

    items: list[Job]


class AttemptError(Shape):
    """What went wrong, in the unit's words."""

    type: str
    message: str
    trace: str


class JobAttempt(Shape):
    """One attempt at a job."""

    attempt: Annotated[int, Field(ge=1)]
    executionUnitId: str
    outcome: Outcome | None = Field(description="null: it runs")
    error: AttemptError | None
    startedAt: Instant
    endedAt: Instant | None


class JobWithAttempts(Job):
    """A job and the attempts at it."""

    attempts: list[JobAttempt]


class JobStatistics(Shape):
    """How many jobs there are."""

    total: Count
    byStatus: dict[JobStatus, Count] = Field(description="all six")
    byType: dict[str, dict[JobStatus, Count]] = Field(description="the hundred types with most jobs")
    otherTypes: Count = Field(description="jobs of the other types")
    byQueue: dict[str, dict[JobStatus, Count]] = Field(description="the hundred queues with most jobs")
    otherQueues: Count = Field(description="jobs of the other queues")


class DoneBy(Shape):
    """Somebody, or a program, as they were called then."""

    kind: ActorKind
    id: RowId | None
    name: str | None


class JobEvent(Shape):
    """Something that happened to a job, or that somebody did to it."""

    event: Literal["created", "started", "ended", "completed"] | Operation | ByHand
    at: Instant
    attempt: Annotated[int, Field(ge=1)] | None = Field(description="of `started` and `ended`")
    executionUnitId: str | None = Field(description="of `started` and `ended`")
    outcome: Outcome | None = Field(description="of `ended`")
    error: AttemptError | None = Field(description="of `ended`")
    status: JobStatus | None = Field(description="of `completed`")
    by: DoneBy | None = Field(description="of what somebody did, as are `reason` and `details`")
    reason: str | None = Field(description="in their words")
    details: dict[str, Any] | None = Field(description="what it was changed to, where `event` does not say that")


class JobHistory(Shape):
    """What became of a job, oldest first."""

    items: list[JobEvent]


class Failures(Shape):
    """Jobs that FAILED in the same way."""

    failureGroup: FailureGroup | None = Field(description="`?q=group:` of these; null: of no known kind")
    taskType: TypeName
    errorType: str | None
    errorMessage: str | None = Field(description="of the latest")
    latestId: RowId
    count: Annotated[int, Field(ge=1)]
    firstAt: Instant
    lastAt: Instant


class FailureList(Shape):
    """Failures by their kind, those with most jobs first."""

    items: list[Failures] = Field(description="a hundred at most")
    others: Count = Field(description="jobs of further kinds")


class JobStep(Shape):
    """A part of a job that is done."""

    name: Label
    result: Any
    attempt: Annotated[int, Field(ge=1)] = Field(description="the one that did it")
    at: Instant


class JobSteps(Shape):
    """What is done of a job."""

    items: list[JobStep]
    progress: Any = Field(description="what its last attempt said of how far it is")


class LogLine(Shape):
    """What an attempt said."""

    attempt: Annotated[int, Field(ge=1)]
    line: Annotated[int, Field(ge=1)] = Field(description="rises within the attempt")
    level: LogLevel
    message: str
    fields: dict[str, Any]
    at: Instant


class JobLog(Shape):
    """What attempts at a job said, oldest first."""

    items: list[LogLine]
    nextCursor: str = Field(description="`?cursor=` of what comes after, now or later")
    isOver: bool = Field(description="nothing will come after")


class UnitOutlook(Shape):
    """What the units are doing that run this type of job in its department."""

    registered: Count
    online: Count
    draining: Count
    offline: Count
    room: Count = Field(description="how many more jobs those online may have")
    claimsWaiting: Count = Field(description="of those online")


class JobWhy(Shape):
    """The one fact that keeps a job from running, or what it does instead."""

    status: JobStatus
    reason: Reason
    message: str = Field(description="a sentence, in the language asked for")
    since: Instant | None = Field(description="it has been so since then")
    until: Instant | None = Field(description="when it will be over by itself, or has to be")
    by: DoneBy | None = Field(description="whoever paused or cancelled it, or runs it themselves")
    said: str | None = Field(description="why, in their words")
    units: UnitOutlook | None = Field(description="of a job that may run")
    ahead: Annotated[int, Field(ge=0, le=10_000)] | None = Field(description="jobs before it; of a job that may run")


class Submission(Shape):
    """What became of one job of a batch."""

    status: int = Field(description="201; 200: another job has its unique key; or that of the error")
    id: RowId = Field(default=1, description="of the job, or of the one that has its unique key")
    conflict: Literal[True] = Field(default=True, description="it is that other one's")
    errorCode: str = Field(default="", description="of one that was not")
    message: str = Field(default="", description="for people, in the language asked for")
    outcome: Literal["not_applied", "unknown"] = Field(default="not_applied", description="of one that was not")
    errors: list[FieldFault] = Field(default=[], description="the members at fault")


class Submissions(Shape):
    """What became of each job of a batch, in order."""

    results: list[Submission]


class QueueSetUp(Shape):
    """What a queue is held to."""

    name: QueueName
    departmentId: RowId
    concurrency: Annotated[int, Field(ge=1)] | None = Field(description="attempts that run at once; null: any number")
    starts: Starts | None = Field(description="attempts that begin in any so many milliseconds; null: any number")
    isPaused: bool
    pausedAt: Instant | None
    pausedBy: DoneBy | None
    pauseReason: str | None
    version: Count = Field(description="0: nobody has set it up")


class QueueNow(QueueSetUp):
    """A queue and its numbers."""

    jobs: dict[JobStatus, Count] = Field(description="all six")
    oldestReadyAt: Instant | None = Field(description="since when the one waits that may run longest")
    oldestWaitS: Annotated[float, Field(ge=0)] | None
    arrivalsPerMinute: Annotated[float, Field(ge=0)] | None = Field(
        description="over the last minute; null while the queue service does not answer"
    )
    completionsPerMinute: Annotated[float, Field(ge=0)] | None = Field(
        description="the same; ended one way or the other"
    )
    drainS: Annotated[float, Field(ge=0)] | None = Field(
        description="until nothing waits, if it goes on like this; null: it does not get less"
    )


class QueuePage(Shape):
    """One page of queues."""

    items: list[QueueNow]
    total: Count
    page: Annotated[int, Field(ge=1)]
    limit: Annotated[int, Field(ge=1)]
    nextCursor: None


class Unit(Shape):
    """An execution unit."""

    id: UnitId
    unitType: TypeName
    unitName: JobName
    capacity: Annotated[int, Field(ge=1)] = Field(description="jobs it works on at once")
    endpoint: str | None
    taskTypes: list[TypeName] = Field(description="every type of job that it runs")
    labels: dict[str, str]
    status: UnitStatus
    currentLoad: Count = Field(description="what its last beat said, but for some seconds; so is `metadata`")
    metadata: dict[str, Any]
    departmentId: RowId
    lastHeartbeatAt: Instant
    version: Version
    createdAt: Instant
    updatedAt: Instant


class RegisteredUnit(Unit):
    """A unit, and how it is to behave."""

    leaseS: Count = Field(description="silent for so many seconds it is OFFLINE, and what it has goes back")
    beatS: Count = Field(description="how often it is asked to beat, in seconds")


class UnitBeat(Unit):
    """A unit, and what it should know."""

    cancel: list[RowId] = Field(description="jobs that it should give up")
    lost: list[RowId] = Field(description="jobs that it names and does not hold any more")
    drain: bool = Field(description="whether it is given no more")


class UnitPage(CursorPage):
    """One page of units."""

    items: list[Unit]


class UnitStatistics(Shape):
    """Units counted."""

    total: Count
    byStatus: dict[UnitStatus, Count] = Field(description="all three")
    capacity: Count = Field(description="of those that are not OFFLINE, together; so is `currentLoad`")
    currentLoad: Count


class LeasedJob(Shape):
    """A job that a unit is to run, and what it reports with."""

    taskId: RowId
    attempt: Annotated[int, Field(ge=1)]
    leaseToken: str
    leaseS: Count
    name: JobName
    taskType: TypeName
    queue: QueueName
    priority: Priority
    config: dict[str, Any]
    timeoutS: Annotated[int, Field(ge=1)]
    deadlineAt: Instant | None
    atMostOnce: bool = Field(description="it is handed back with `neverStarted` alone")
    steps: dict[str, Any]


class LeasedJobs(Shape):
    """What a claim got."""

    jobs: list[LeasedJob]


class ReportResult(Shape):
    """What became of one report."""

    status: Literal[200, 404, 409, 413]
    already: Literal[True] = Field(default=True, description="it had been applied before")
    result: Any = Field(default=None, description="of a step that was done before: what it came to then")
    errorCode: Literal["not_found", "stale_attempt", "may_have_started", "payload_too_large"] = Field(
        default="stale_attempt",
        description="`stale_attempt`: the attempt no longer runs, its lease was lost, or it has ended otherwise; "
        "`may_have_started`: a job that may run at most once, handed back without `neverStarted`; "
        "`payload_too_large`: the job has as many steps as it may, or the attempt has said as much",
    )


class ReportResults(Shape):
    """What became of each report, in order."""

    results: list[ReportResult]
