"""`POST /api/queue/job` and `POST /api/queue/jobs`: commands in, outcomes out."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from queue_service.domain.command import Answer
from queue_service.metrics import WriterMetrics
from queue_service.service import QueueService
from queue_service.transport.parse import parse_command
from shared.envelopes import success
from shared.errors import ConsoleError, FieldError, Invalid
from shared.http.body import MAX_BATCH_BODY_BYTES, read_json
from shared.http.context import JsonResponse
from shared.jsonio import MAX_VALUES_OF_A_BATCH, dumps
from shared.wire import MAX_JOBS_A_FORWARD, NODE_HEADER, error_to_wire

_MAX_NODE: Final = 255
_MAX_VALUES: Final = 2 * MAX_VALUES_OF_A_BATCH
"""Each command was within its limit at the node; what travels together may be past it."""


async def post_job(request: Request) -> Response:
    """One command. 200 or 201 with its answer once it is committed, or the `/api` error envelope.

    A stored answer given again carries `Idempotency-Replayed: true`.
    """
    service: QueueService = request.app.state.service
    wire, raw = await read_json(request)
    if isinstance(wire, dict):
        wire.setdefault("requestId", request.state.request_id)
    answer = await asyncio.shield(_begin(service, wire, len(raw), _node(request)))
    headers = {"Idempotency-Replayed": "true"} if answer.is_replayed else None
    return JsonResponse(success(answer.data), answer.status, headers)


async def post_jobs(request: Request) -> Response:
    """Many commands. 200 and one line for each as it resolves: a slow lane holds up nobody else's line.

    422 when the list itself is wrong; a wrong member of it is answered in its own line.
    """
    service: QueueService = request.app.state.service
    body, raw = await read_json(request, MAX_BATCH_BODY_BYTES, _MAX_VALUES)
    jobs = body.get("jobs") if isinstance(body, dict) else None
    if not isinstance(jobs, list) or not 1 <= len(jobs) <= MAX_JOBS_A_FORWARD:
        raise Invalid(errors=[FieldError("jobs", f"must be a list of 1 to {MAX_JOBS_A_FORWARD} commands")])
    size = len(raw) // len(jobs)
    return StreamingResponse(_lines(service, jobs, size, _node(request)), media_type="application/x-ndjson")


async def _lines(service: QueueService, jobs: list[Any], size: int, node: str) -> AsyncIterator[bytes]:
    # no task for each: when the node hangs up, what was accepted runs on, and nobody has to wait for it
    ended: list[tuple[int, asyncio.Future[Answer]]] = []
    news = asyncio.Event()

    def note(index: int, outcome: asyncio.Future[Answer]) -> None:
        ended.append((index, outcome))
        news.set()

    for index, wire in enumerate(jobs):
        _begin(service, wire, size, node).add_done_callback(partial(note, index))
    left = len(jobs)
    while left:
        await news.wait()
        news.clear()
        left -= len(ended)
        lines = [_line(index, outcome) for index, outcome in ended]
        ended.clear()
        yield b"".join(lines)


def _node(request: Request) -> str:
    """Which node sent it. Whoever knows the secret may say anything; what does not fit its column is cut."""
    return request.headers.get(NODE_HEADER, "")[:_MAX_NODE]


def _begin(service: QueueService, wire: Any, size: int, node: str) -> asyncio.Future[Answer]:
    """Accept one command. The future is its outcome, a refusal at the door included; it may be shared, so it must not
    be cancelled."""
    kind = str(wire.get("type"))[:50] if isinstance(wire, dict) else "?"
    try:
        command = parse_command(wire, size=size, secret=service.secret, node=node)
        outcome = service.intake.accept(command)
    except ConsoleError as refusal:
        outcome = asyncio.get_running_loop().create_future()
        outcome.set_exception(refusal)
    outcome.add_done_callback(partial(_count, service.metrics, kind if kind in service.kinds else "unknown"))
    return outcome


def _count(metrics: WriterMetrics, kind: str, outcome: asyncio.Future[Answer]) -> None:
    refusal = outcome.exception()
    if refusal is None:
        answer = outcome.result()
        metrics.note_command(kind, "replayed" if answer.is_replayed else "accepted" if answer.status == 202 else "ok")
    elif isinstance(refusal, ConsoleError):
        metrics.note_command(kind, refusal.code)


def _line(index: int, outcome: asyncio.Future[Answer]) -> bytes:
    """Raises what is no refusal: a mistake of ours breaks the stream, and the node asks again."""
    try:
        answer = outcome.result()
    except ConsoleError as refusal:
        return dumps({"index": index, "status": refusal.status, "error": error_to_wire(refusal)}) + b"\n"
    said = {"index": index, "status": answer.status, "data": answer.data, "replayed": answer.is_replayed}
    return dumps(said) + b"\n"
