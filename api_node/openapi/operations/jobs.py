"""`/api/v1/tasks`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, Field

from api_node.openapi.job_answers import (
    FailureList,
    Job,
    JobHistory,
    JobInTheWay,
    JobInTheWayInBrief,
    JobLog,
    JobPage,
    JobStatistics,
    JobSteps,
    JobWhy,
    JobWithAttempts,
    Submissions,
)
from api_node.openapi.operation import Answer, Operation, Query
from api_node.openapi.operations.operators import KEYWORD
from api_node.parameters import MAX_PAGE, MAX_PAGE_SIZE
from api_node.programs.answers import LIMIT
from api_node.programs.batch import JobBatch
from api_node.programs.job_query import MAX_LENGTH
from api_node.programs.records import CURSOR, USUAL_LINES
from shared.errors import Invalid, UniqueConflict, WrongState
from shared.job_actions import JobOperation, Saying, StatusChange
from shared.job_commands import NewJob
from shared.jobs import JobStatus, LogLevel

NUMBERED_PAGES: Final = (
    Query("page", Annotated[int, Field(ge=1, le=MAX_PAGE)], "number of the page, from 1"),
    Query("limit", Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)], f"on a page; {LIMIT}"),
)
CURSOR_PAGES: Final = (
    *NUMBERED_PAGES,
    Query("cursor", str, "`nextCursor` of the page before, instead of `page`"),
)


def _operation(name: str, summary: str, body: type[BaseModel] = Saying, *, is_required: bool = False) -> Operation:
    return Operation(
        id=name,
        tag="Jobs",
        summary=summary,
        body=body,
        body_is_required=is_required,
        answers={200: Answer("the job as it is now", Job, headers=("ETag",))},
        errors=(WrongState,),
        is_write=True,
        is_versioned=True,
    )


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "GET /api/v1/tasks": Operation(
            id="listJobs",
            tag="Jobs",
            summary="List jobs",
            query=(
                *CURSOR_PAGES,
                Query("status", JobStatus, "exactly this; may be repeated"),
                Query("taskType", KEYWORD, "exactly this one"),
                Query("queue", KEYWORD, "exactly this one"),
                Query("name", KEYWORD, "text in the name"),
                Query("q", Annotated[str, Field(max_length=MAX_LENGTH)], "terms and text, as above"),
            ),
            answers={200: Answer("one page", JobPage)},
        ),
        "POST /api/v1/tasks": Operation(
            id="submitJob",
            tag="Jobs",
            summary="Submit a job",
            body=NewJob,
            headers=("Prefer-Wait",),
            answers={
                201: Answer("the job", Job, headers=("ETag",)),
                200: Answer("the job that has its unique key", JobInTheWay | JobInTheWayInBrief, headers=("ETag",)),
            },
            errors=(UniqueConflict,),
            is_write=True,
        ),
        "POST /api/v1/tasks/batch": Operation(
            id="submitJobs",
            tag="Jobs",
            summary="Submit many jobs",
            body=JobBatch,
            answers={200: Answer("what became of each", Submissions)},
            is_write=True,
        ),
        "GET /api/v1/tasks/statistics": Operation(
            id="getJobStatistics",
            tag="Jobs",
            summary="Count jobs",
            answers={200: Answer("how many there are", JobStatistics)},
            errors=(Invalid,),
        ),
        "GET /api/v1/tasks/failures": Operation(
            id="listFailures",
            tag="Jobs",
            summary="List failures by their kind",
            query=(
                Query("taskType", KEYWORD, "exactly this one"),
                Query("queue", KEYWORD, "exactly this one"),
                Query("name", KEYWORD, "text in the name"),
                Query("q", Annotated[str, Field(max_length=MAX_LENGTH)], "terms and text, as in the list of jobs"),
            ),
            answers={200: Answer("kinds of failure", FailureList)},
        ),
        "GET /api/v1/tasks/{id}": Operation(
            id="getJob",
            tag="Jobs",
            summary="Read a job",
            headers=("Prefer-Wait",),
            answers={200: Answer("the job and its attempts", JobWithAttempts, headers=("ETag",))},
        ),
        "GET /api/v1/tasks/{id}/history": Operation(
            id="getJobHistory",
            tag="Jobs",
            summary="See what became of a job",
            answers={200: Answer("its events", JobHistory)},
        ),
        "GET /api/v1/tasks/{id}/why": Operation(
            id="explainJob",
            tag="Jobs",
            summary="Ask why a job is not running",
            answers={200: Answer("what stands in its way", JobWhy)},
        ),
        "GET /api/v1/tasks/{id}/steps": Operation(
            id="listJobSteps",
            tag="Jobs",
            summary="See what is done of a job",
            answers={200: Answer("its steps", JobSteps)},
            errors=(Invalid,),
        ),
        "GET /api/v1/tasks/{id}/logs": Operation(
            id="readJobLog",
            tag="Jobs",
            summary="Read what the attempts at a job say",
            query=(
                Query("limit", Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)], f"lines at most; {USUAL_LINES}"),
                Query("cursor", Annotated[str, Field(pattern=f"^{CURSOR.pattern}$")], "`nextCursor` of an answer"),
                Query("level", LogLevel, "this, and what matters more"),
            ),
            headers=("Prefer-Wait",),
            answers={200: Answer("some lines", JobLog)},
        ),
        "PUT /api/v1/tasks/{id}/status": _operation(
            "setJobStatus", "Bring a job into a state", StatusChange, is_required=True
        ),
        "POST /api/v1/tasks/{id}/operations": _operation(
            "operateJob", "Do something to a job", JobOperation, is_required=True
        ),
        "POST /api/v1/tasks/{id}/start": _operation("startJob", "Let a job run now"),
        "POST /api/v1/tasks/{id}/pause": _operation("pauseJob", "Let a job wait"),
        "POST /api/v1/tasks/{id}/resume": _operation("resumeJob", "Let a paused job go on"),
        "POST /api/v1/tasks/{id}/cancel": _operation("cancelJob", "Cancel a job"),
        "POST /api/v1/tasks/{id}/retry": _operation("retryJob", "Try a finished job anew"),
    }
)
