"""The requests that the raw client sends, as bytes, for each of the doors it can knock at.

Every connection repeats one round: create a task, then update that task twice, each time naming the version it saw.
So a third of the writes are creates and two thirds are version-checked updates, and no two connections ever touch the
same task.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

Door = Literal["api", "queue"]

UPDATES_A_ROUND: Final = 2
_CREATED: Final = {
    "title": "Write down what was measured",
    "category": "benchmark",
    "tag": "write",
    "description": "A description of about a hundred bytes, which is what people write when they are in a hurry.",
}
_CHANGED: Final = {"status": "in-progress", "description": "The same task, with another description of its own size."}


@dataclass(frozen=True, slots=True)
class Requests:
    """`create` is a whole request; `update` makes one from a task's id and the version that it must still have."""

    create: bytes
    update: Callable[[int, int], bytes]


def requests_for(door: Door, *, bearer: str, actor_id: int, host: str) -> Requests:
    """The requests of one signed-in person: at a node or the edge (`api`), or at the queue service (`queue`)."""
    head = f"Host: {host}\r\nAuthorization: Bearer {bearer}\r\nContent-Type: application/json\r\n".encode()
    return _of_the_api(head) if door == "api" else _of_the_queue(head, actor_id)


def _of_the_api(head: bytes) -> Requests:
    changed = _split(_CHANGED | {"version": _HOLE})

    def update(task_id: int, version: int) -> bytes:
        return _request(b"PATCH /api/tasks/%d" % task_id, head, (b"%d" % version).join(changed))

    return Requests(_request(b"POST /api/tasks", head, _json(_CREATED)), update)


def _of_the_queue(head: bytes, actor_id: int) -> Requests:
    actor = {"userId": actor_id}
    start, end = _split(
        {"type": "update-task", "actor": actor, "data": {"updates": _CHANGED, "taskId": _HOLE}, "expectedVersion": 0}
    )
    end = end.removesuffix(b"0}")

    def update(task_id: int, version: int) -> bytes:
        return _request(b"POST /api/queue/job", head, b"%b%d%b%d}" % (start, task_id, end, version))

    create = _json({"type": "create-task", "actor": actor, "data": _CREATED})
    return Requests(_request(b"POST /api/queue/job", head, create), update)


_HOLE: Final = "\N{WHITE SQUARE}"


def _split(body: dict[str, Any]) -> list[bytes]:
    return _json(body).split(json.dumps(_HOLE).encode())


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _request(line: bytes, head: bytes, body: bytes) -> bytes:
    return b"%b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (line, head, len(body), body)
