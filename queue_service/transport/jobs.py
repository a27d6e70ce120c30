"""`POST /api/queue/job` and `POST /api/queue/jobs`: commands in, outcomes out."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from queue_service.domain.command import Answer
from queue_service.service import QueueService
from queue_service.transport.parse import parse_command
from shared.envelopes import success
from shared.errors import ConsoleError, FieldError, Invalid
from shared.http.body import MAX_BATCH_BODY_BYTES, read_json
from shared.http.context import JsonResponse
from shared.jsonio import dumps
from shared.wire import MAX_JOBS_A_FORWARD, error_to_wire


async def post_job(request: Request) -> Response:
    """One command. 200 or 201 with its answer once it is committed, or the `/api` error envelope.

    A stored answer given again carries `Idempotency-Replayed: true`.
    """
    service: QueueService = request.app.state.service
    wire, raw = await read_json(request)
    if isinstance(wire, dict):
        wire.setdefault("requestId", request.state.request_id)
    answer = await _outcome(service, wire, len(raw))
    if isinstance(answer, ConsoleError):
        raise answer
    headers = {"Idempotency-Replayed": "true"} if answer.is_replayed else None
    return JsonResponse(success(answer.data), answer.status, headers)


async def post_jobs(request: Request) -> Response:
    """Many commands. 200 and one line for each as it resolves: a slow lane holds up nobody else's line.

    422 when the list itself is wrong; a wrong member of it is answered in its own line.
    """
    service: QueueService = request.app.state.service
    body, raw = await read_json(request, MAX_BATCH_BODY_BYTES)
    jobs = body.get("jobs") if isinstance(body, dict) else None
    if not isinstance(jobs, list) or not 1 <= len(jobs) <= MAX_JOBS_A_FORWARD:
        raise Invalid(errors=[FieldError("jobs", f"must be a list of 1 to {MAX_JOBS_A_FORWARD} commands")])
    size = len(raw) // len(jobs)
    return StreamingResponse(_lines(service, jobs, size), media_type="application/x-ndjson")


async def _lines(service: QueueService, jobs: list[Any], size: int) -> AsyncIterator[bytes]:
    async def one(index: int, wire: Any) -> bytes:
        return _line(index, await _outcome(service, wire, size))

    # tasks, not a TaskGroup: when the node hangs up, what was accepted runs on, and nobody has to wait for it
    running = {asyncio.ensure_future(one(index, wire)) for index, wire in enumerate(jobs)}
    try:
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            yield b"".join(task.result() for task in done)
    finally:
        for task in running:
            task.cancel()


async def _outcome(service: QueueService, wire: Any, size: int) -> Answer | ConsoleError:
    kind = str(wire.get("type"))[:50] if isinstance(wire, dict) else "?"
    try:
        command = parse_command(wire, size=size, secret=service.secret)
        kind = command.type
        submit = service.intake.submit if command.deferral is None else service.intake.defer
        answer = await submit(command)
    except ConsoleError as error:
        service.metrics.commands.labels(kind if kind in service.kinds else "unknown", error.code).inc()
        return error
    word = "replayed" if answer.is_replayed else "accepted" if answer.status == 202 else "ok"
    service.metrics.commands.labels(kind, word).inc()
    return answer


def _line(index: int, outcome: Answer | ConsoleError) -> bytes:
    if isinstance(outcome, ConsoleError):
        return dumps({"index": index, "status": outcome.status, "error": error_to_wire(outcome)}) + b"\n"
    said = {"index": index, "status": outcome.status, "data": outcome.data, "replayed": outcome.is_replayed}
    return dumps(said) + b"\n"
