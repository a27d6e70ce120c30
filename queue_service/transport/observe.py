"""`GET /api/health`, `/livez`, `/readyz`, `/api/queue/status`, `/metrics`, `/internal/events`."""

from collections.abc import AsyncIterator

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from queue_service.domain.command import Position
from queue_service.service import QueueService
from queue_service.writer.eventlog import Gap
from shared.envelopes import success
from shared.errors import FieldError, Invalid, ShuttingDown
from shared.http.context import JsonResponse
from shared.jsonio import dumps

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
    """Committed changes as NDJSON, from `?since=<epoch>.<seq>` on, or from now.

    Lines: `{"seq": "3.17", ...change}`, `{"gap": true, "seq"}` where events are missing (read the state anew), and
    `{"beat": true, "seq"}` every 5 s. 422 for a `since` that is not two numbers.
    """
    service: QueueService = request.app.state.service
    since = _position(request.query_params.get("since"))
    return StreamingResponse(_stream(service, since), media_type="application/x-ndjson")


async def _stream(service: QueueService, since: Position | None) -> AsyncIterator[bytes]:
    # at once, so that a follower knows it is connected and where the stream stands
    yield dumps({"beat": True, "seq": _text(service.events.position)}) + b"\n"
    async for item in service.events.follow(since, EVENT_BEAT_S):
        if item is None:
            yield dumps({"beat": True, "seq": _text(service.events.position)}) + b"\n"
        elif isinstance(item, Gap):
            yield dumps({"gap": True, "seq": _text(item.position)}) + b"\n"
        else:
            position, body = item
            # the body is a JSON object already: the sequence number is put in front of its members
            yield b'{"seq":"' + _text(position).encode() + b'",' + body[1:].encode() + b"\n"


def _text(position: Position) -> str:
    return f"{position[0]}.{position[1]}"


def _position(text: str | None) -> Position | None:
    if text is None:
        return None
    epoch, dot, seq = text.partition(".")
    if not (dot and epoch.isascii() and epoch.isdigit() and seq.isascii() and seq.isdigit() and len(text) < 40):
        raise Invalid(errors=[FieldError("since", "must be <epoch>.<seq>, as the stream gave it")])
    return int(epoch), int(seq)
