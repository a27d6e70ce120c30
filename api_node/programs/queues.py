"""`/api/v1/queues` (seed 002): the lines of jobs, what they are held to, and whether they stand still.

A queue is called by its name in one's own department; `?departmentId=` names another one that one sees.
"""

from datetime import datetime
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response

from api_node.forward import etag, forward
from api_node.node import Node
from api_node.parameters import numbered_page, optional_id, require_known, seen_version
from api_node.programs.answers import applied, shown
from api_node.queries import queues
from api_node.queries.queues import QueueNow
from api_node.reads import answering_database_errors
from shared.clock import iso
from shared.commands import validated
from shared.errors import NotFound, Unavailable
from shared.http.body import read_json, read_json_or_nothing
from shared.job_actions import Saying
from shared.jobs import JobStatus
from shared.principal import Principal
from shared.queue_commands import QueueLimits, QueueRef
from shared.queues import QueueKey, not_set_up, queue_view


async def list_queues(request: Request, viewer: Principal) -> Response:
    """200 with `{items, total, page, limit, nextCursor}`: every queue that was set up or ever had a job, by department
    and name, with its numbers. `nextCursor` is null: pages go by number. 422 naming a wrong parameter."""
    require_known(request, ("page", "limit"))
    asked, node = numbered_page(request, "limit"), Node.of(request)
    now = node.clock.now()
    async with answering_database_errors():
        page = await queues.page(node.engine, viewer, now, size=asked.size, number=asked.number)
    items = await _with_numbers(node, page.queues, now)
    return shown(
        request, {"items": items, "total": page.total, "page": asked.number, "limit": asked.size, "nextCursor": None}
    )


async def get_queue(request: Request, viewer: Principal) -> Response:
    """200 with the queue and its numbers; one that nobody set up is there, too. 404 for a department that whoever asks
    does not see."""
    require_known(request, ("departmentId",))
    node = Node.of(request)
    now = node.clock.now()
    async with answering_database_errors():
        found = await queues.by_key(node.engine, viewer, _key(request, viewer), now)
    if found is None:
        raise NotFound
    [queue] = await _with_numbers(node, [found], now)
    return shown(request, queue, headers=etag(queue["version"]) if queue["version"] else None)


async def limit_queue(request: Request, actor: Principal) -> Response:
    """200 with the queue: at most `concurrency` of its jobs run at once, and at most `starts.most` begin in any
    `starts.perMs` milliseconds, over all units. What is left out is without limit. What runs already, runs on. 404, 409
    with `current` for a stale `version`, 412, 422."""
    body, raw = await read_json(request)
    wanted = validated(QueueLimits, body)
    limits = wanted.model_dump(exclude={"reason", "version"})
    return await _changed(request, actor, "limit-queue", limits, wanted, raw)


async def pause_queue(request: Request, actor: Principal) -> Response:
    """200 with the queue: nothing more of it is given to units; what runs, runs on. 404."""
    body, raw = await read_json_or_nothing(request)
    return await _changed(request, actor, "pause-queue", {}, validated(Saying, body), raw)


async def resume_queue(request: Request, actor: Principal) -> Response:
    """200 with the queue: it goes on. 404."""
    body, raw = await read_json_or_nothing(request)
    return await _changed(request, actor, "resume-queue", {}, validated(Saying, body), raw)


async def _changed(
    request: Request, actor: Principal, what: str, members: dict[str, Any], said: Saying, raw: bytes
) -> Response:
    department_id, name = _key(request, actor)
    outcome = await forward(
        request,
        what,
        members | {"departmentId": department_id, "name": name},
        actor=actor,
        raw=raw,
        expected_version=seen_version(request, said.version),
        because=said.reason,
    )
    return applied(request, outcome)


async def _with_numbers(node: Node, found: Any, now: datetime) -> list[dict[str, Any]]:
    """Queues as the API shows them. What comes and goes is null while the queue service does not answer."""
    try:
        rates = await node.units.flow([queue.key for queue in found])
    except Unavailable:
        rates = [{}] * len(found)
    return [_shown(queue, of_queue, now) for queue, of_queue in zip(found, rates, strict=True)]


def _shown(found: QueueNow, rates: dict[str, float], now: datetime) -> dict[str, Any]:
    queue, oldest = found.queue or not_set_up(*found.key, now), found.oldest_ready_at
    waiting = found.jobs["PENDING"]
    arrivals, completions = rates.get("arrivalsPerMinute"), rates.get("completionsPerMinute")
    return queue_view(queue) | {
        "jobs": {status: found.jobs[status] for status in get_args(JobStatus)},
        "oldestReadyAt": None if oldest is None else iso(oldest),
        "oldestWaitS": None if oldest is None else round((now - oldest).total_seconds(), 3),
        "arrivalsPerMinute": arrivals,
        "completionsPerMinute": completions,
        "drainS": _drain_s(waiting, arrivals, completions),
    }


def _drain_s(waiting: int, arrivals: float | None, completions: float | None) -> float | None:
    """How long until nothing waits if it goes on like this; None when it does not get less, or nobody knows."""
    if not waiting:
        return 0.0
    if arrivals is None or completions is None or completions <= arrivals:
        return None
    return round(waiting / ((completions - arrivals) / 60), 1)


def _key(request: Request, asking: Principal) -> QueueKey:
    """The queue that the path names. What can be no name is none: NotFound."""
    department_id = optional_id(request, "departmentId") or asking.who.department_id
    try:
        return department_id, QueueRef(departmentId=department_id, name=request.path_params["name"]).name
    except ValueError:
        raise NotFound from None
