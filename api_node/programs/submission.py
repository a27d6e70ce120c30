"""What the client of a new job left to us."""

from typing import Any

from starlette.requests import Request

from api_node.node import Node
from shared.job_commands import NewJob


def submission(request: Request, new: NewJob) -> dict[str, Any]:
    """The data of the command: what the client said, and how often it is tried where it did not."""
    said = new.model_dump(exclude_unset=True)
    most = new.maxAttempts or Node.of(request).settings.task_max_retry_count
    return said | {"maxAttempts": most}
