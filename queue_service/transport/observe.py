"""`GET /api/health`, `/livez`, `/readyz`, `/api/queue/status`, `/metrics`, `/internal/events`."""

from collections.abc import AsyncIterator

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from queue_service.service import QueueService
from shared.envelopes import success
from shared.errors import ShuttingDown
from shared.events import Gap
from shared.http.context import JsonResponse
from shared.jsonio import dumps
from shared.position import Position, as_text, from_text

EVENT_BEAT_S = 5.0


async def get_health(request: Request) -> Response:
    """200 `{"status": "ok"}` while this process leads and takes writes; 503 while it stops."""
    service: QueueService = request.app.state.service
    if service.is_stopping:
        raise ShuttingDown
    return JsonResponse({"status": "ok"})


async def get_livez(request: Request) -> Response:
    """200 while the event loop turns."""
    return JsonResponse({"status": "ok"})


async def get_readyz(request: Request) -> Response:
    """200 with each maintenance loop's last success; 503 while stopping or when a loop is three periods late."""
    service: QueueService = request.app.state.service
    late = service.loops.late()
    is_ready = not (service.is_stopping or late)
    body = {"status": "ok" if is_ready else "unavailable", "loops": service.loops.view(), "late": late}
    return JsonResponse(body, 200 if is_ready else 503)


async def get_status(request: Request) -> Response:
    """200 with queue lengths, lanes, batch sizes, commit latency, replays, uptime, durability and epoch."""
    service: QueueService = request.app.state.service
    return JsonResponse(success(service.status()))


async def get_metrics(request: Request) -> Response:
    """The process's metrics in the Prometheus text format."""
    service: QueueService = request.app.state.service
    service.metrics.waiting.set(service.intake.length)
    return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def get_events(request: Request) -> Response:
    """Committed changes as NDJSON, from `?since=<epoch>.<seq>` on, from the `?since=oldest` that is kept, or from now.

    Lines: `{"seq": "3.17", ...change}`, `{"gap": true, "seq"}` where events are missing (read the state anew), and
    `{"beat": true, "seq"}` every 5 s; the first one also has `since`, where this answer begins. 422 for a `since` that
    is not two numbers.
    """
    service: QueueService = request.app.state.service
    since = _since(service, request.query_params.get("since"))
    return StreamingResponse(_stream(service, since), media_type="application/x-ndjson")


def _since(service: QueueService, asked: str | None) -> Position:
    if asked is None:
        return service.events.position
    return service.events.floor if asked == "oldest" else from_text(asked)


async def _stream(service: QueueService, since: Position) -> AsyncIterator[bytes]:
    # at once, so that a follower knows it is connected and where the stream stands
    yield dumps({"beat": True, "seq": as_text(service.events.position), "since": as_text(since)}) + b"\n"
    # a batch commits many events at once: a system call for each, and for each node that follows, took up to a tenth of
    # the writer's time
    async for said in service.events.follow_in_bulk(since, EVENT_BEAT_S):
        if said is None:
            yield dumps({"beat": True, "seq": as_text(service.events.position)}) + b"\n"
        elif isinstance(said, Gap):
            yield dumps({"gap": True, "seq": as_text(said.position)}) + b"\n"
        else:
            yield "".join([_line(position, body) for position, body in said]).encode()


def _line(position: Position, body: str) -> str:
    # the body is a JSON object already: the sequence number is put in front of its members
    return f'{{"seq":"{as_text(position)}",{body[1:]}\n'
