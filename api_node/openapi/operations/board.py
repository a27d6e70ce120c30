"""`/api/tasks`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, get_args

from pydantic import Field

from api_node.console import tasks
from api_node.openapi.answers import Accepted, DeletedTask, StoredWrite, Task, TaskPage, TaskStats
from api_node.openapi.operation import Answer, Operation, Query
from api_node.parameters import MAX_PAGE, MAX_PAGE_SIZE, MAX_TEXT
from api_node.queries.tasks import SortKey
from shared.commands import TaskFields, TaskUpdates
from shared.model import MAX_LABEL, Status

_Label = Annotated[str, Field(max_length=MAX_LABEL)]
_Sort = Annotated[str, Field(pattern=f"^-?({'|'.join(get_args(SortKey))})$")]
_SORT_MEANS: Final = (
    "what to sort by, falling with a `-`; `-createdAt` by itself. `createdAt` is the order of creation (of ids), "
    "`title` goes by code points, `status` in the board's own order; ties by id"
)
_TEXT_MEANS: Final = (
    "text in title or description, as it is typed; the case of letters is ignored (on SQLite that of A to Z alone)"
)

_FILTERS: Final = (
    Query("status", list[Status], "one or several, repeated or separated by commas"),
    Query("category", _Label, "exactly this one; empty: those without"),
    Query("tag", _Label, "exactly this one; empty: those without"),
    Query("assignee", Annotated[str, Field(pattern="^(me|none|[1-9][0-9]{0,14})$")], "an id, `me` or `none`"),
    Query("creator", Annotated[str, Field(pattern="^(me|[1-9][0-9]{0,14})$")], "an id or `me`"),
    Query("q", Annotated[str, Field(min_length=1, max_length=MAX_TEXT)], _TEXT_MEANS),
)

_STORED: Final = Answer(
    "stored, as `Prefer: respond-async` asked; it will be applied, and `Location` tells what became of it",
    Accepted,
    headers=("Location", "Preference-Applied"),
)

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "GET /api/tasks": Operation(
            id="listTasks",
            tag="Board",
            summary="List tasks",
            query=(
                *_FILTERS,
                Query("sort", _Sort, _SORT_MEANS),
                Query("page", Annotated[int, Field(ge=1, le=MAX_PAGE)], "number of the page, from 1"),
                Query("pageSize", Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)], "tasks on a page; 20"),
                Query("cursor", str, "`nextCursor` of the page before, instead of `page`; same filters, same sort"),
            ),
            answers={200: Answer("one page", TaskPage)},
        ),
        "GET /api/tasks/stats": Operation(
            id="countTasks",
            tag="Board",
            summary="Count tasks",
            query=_FILTERS,
            answers={200: Answer("the counts of one moment", TaskStats)},
        ),
        "POST /api/tasks": Operation(
            id="createTask",
            tag="Board",
            summary="Create a task",
            body=TaskFields,
            headers=("Prefer",),
            answers={201: Answer("the task", Task, headers=("ETag",)), 202: _STORED},
            is_write=True,
        ),
        "GET /api/tasks/{id}": Operation(
            id="getTask",
            tag="Board",
            summary="Read a task",
            headers=("If-None-Match",),
            answers={
                200: Answer("the task", Task, headers=("ETag",)),
                304: Answer("it is still what `If-None-Match` names", headers=("ETag",)),
            },
        ),
        "PATCH /api/tasks/{id}": Operation(
            id="updateTask",
            tag="Board",
            summary="Change a task",
            body=tasks.TaskChange,
            names_one_of=tuple(TaskUpdates.model_fields),
            headers=("Prefer",),
            answers={200: Answer("the task as it is now", Task, headers=("ETag",)), 202: _STORED},
            is_write=True,
            is_versioned=True,
        ),
        "DELETE /api/tasks/{id}": Operation(
            id="deleteTask",
            tag="Board",
            summary="Delete a task",
            headers=("Prefer",),
            answers={200: Answer("the task as it was", DeletedTask, headers=("ETag",)), 202: _STORED},
            is_write=True,
            is_versioned=True,
        ),
        "GET /api/operations/{id}": Operation(
            id="getOperation",
            tag="Board",
            summary="Ask what became of a write",
            path={"id": Annotated[str, Field(pattern="^[0-9a-f]{32}$")]},
            answers={200: Answer("the operation", StoredWrite)},
        ),
    }
)
