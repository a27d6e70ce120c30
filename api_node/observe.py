"""Health as the seeds print it, the queue's status for administrators, metrics."""

from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from api_node.node import Node
from api_node.reads import answering_database_errors
from shared.clock import iso
from shared.db import health
from shared.envelopes import door_of, success_v1
from shared.errors import ConsoleError, ShuttingDown, Unavailable
from shared.http.context import JsonResponse
from shared.principal import Principal


async def get_health(request: Request) -> Response:
    """200 `{"status": "ok"}` in the door's envelope, with seed 004's words at `/v1`; 503 while this node stops, which
    takes it out of the edge."""
    node = Node.of(request)
    if node.is_stopping:
        raise ShuttingDown
    return JsonResponse(_in_envelope(request, {"status": "ok"}))


async def get_livez(request: Request) -> Response:
    """200 while the event loop turns."""
    return JsonResponse({"status": "ok"})


async def get_readyz(request: Request) -> Response:
    """200 when the database and the queue service answer; 503 naming the one that does not."""
    node = Node.of(request)
    checks = {"database": await _database(node), "queue": await _queue(node)}
    is_ready = not node.is_stopping and all(value == "ok" for value in checks.values())
    body = {"status": "ok" if is_ready else "unavailable", **checks, "stopping": node.is_stopping}
    return JsonResponse(body, 200 if is_ready else 503)


async def get_database_health(request: Request) -> Response:
    """200 when the database answers; 503 otherwise."""
    await _ask_database(Node.of(request))
    return JsonResponse(_in_envelope(request, {"status": "ok"}))


async def get_redis_health(request: Request) -> Response:
    """200 `ok`, or `disabled` where none is used; 503 when it does not answer, which costs nothing but latency."""
    redis = Node.of(request).live.redis
    if redis is None:
        return JsonResponse(_in_envelope(request, {"status": "disabled"}))
    if not await redis.answers():
        raise Unavailable
    return JsonResponse(_in_envelope(request, {"status": "ok"}))


async def get_queue_status(request: Request, _viewer: Principal) -> Response:
    """200 with the queue service's own status; 503 when it cannot be reached."""
    return JsonResponse(await Node.of(request).queue.status())


async def get_metrics(request: Request) -> Response:
    """The node's metrics in the Prometheus text format. The edge does not pass this on."""
    return Response(generate_latest(Node.of(request).registry), media_type=CONTENT_TYPE_LATEST)


async def _ask_database(node: Node) -> None:
    async with answering_database_errors(), node.engine.connect() as connection:
        await health.answers(connection)


async def _database(node: Node) -> str:
    try:
        await _ask_database(node)
    except ConsoleError as error:
        return error.code
    return "ok"


async def _queue(node: Node) -> str:
    try:
        await node.queue.status()
    except ConsoleError as error:
        return error.code
    return "ok"


def _in_envelope(request: Request, data: dict[str, Any]) -> dict[str, Any]:
    door, now = door_of(request.url.path), iso(Node.of(request).clock.now())
    if door == "/api/v1":
        return {"success": True, "message": "ok", "data": data, "timestamp": now, **data}
    # seed 004 has a word of its own for it
    return success_v1({"status": "up", "timestamp": now}) if door == "/v1" else data
