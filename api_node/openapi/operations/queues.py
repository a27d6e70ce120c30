"""`/api/v1/queues`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel

from api_node.openapi.job_answers import QueueNow, QueuePage, QueueSetUp
from api_node.openapi.operation import Answer, Operation, Query
from api_node.openapi.operations.jobs import NUMBERED_PAGES
from shared.commands import RowId
from shared.errors import NotFound
from shared.job_actions import Saying
from shared.job_commands import QueueName
from shared.queue_commands import QueueLimits

_PATH: Final[Mapping[str, Any]] = MappingProxyType({"name": QueueName})
_DEPARTMENT: Final = Query("departmentId", RowId, "which has the queue; one's own")


def _change(name: str, summary: str, body: type[BaseModel] = Saying, *, is_required: bool = False) -> Operation:
    return Operation(
        id=name,
        tag="Queues",
        summary=summary,
        path=_PATH,
        query=(_DEPARTMENT,),
        body=body,
        body_is_required=is_required,
        answers={200: Answer("what the queue is held to now", QueueSetUp)},
        errors=(NotFound,),
        is_write=True,
        is_versioned=True,
    )


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "GET /api/v1/queues": Operation(
            id="listQueues",
            tag="Queues",
            summary="List queues",
            query=NUMBERED_PAGES,
            answers={200: Answer("one page", QueuePage)},
        ),
        "GET /api/v1/queues/{name}": Operation(
            id="getQueue",
            tag="Queues",
            summary="Read a queue",
            path=_PATH,
            query=(_DEPARTMENT,),
            answers={200: Answer("the queue and its numbers", QueueNow)},
            errors=(NotFound,),
        ),
        "PUT /api/v1/queues/{name}": _change("limitQueue", "Limit a queue", QueueLimits, is_required=True),
        "POST /api/v1/queues/{name}/pause": _change("pauseQueue", "Let a queue stand still"),
        "POST /api/v1/queues/{name}/resume": _change("resumeQueue", "Let a queue go on"),
    }
)
