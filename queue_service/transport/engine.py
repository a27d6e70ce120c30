"""`POST /internal/...`: what units, and people about jobs and queues, ask of the engine through a node, which has let
them in. Apart from the commands: a claim may wait half a minute, and no write travels behind it."""

from typing import Annotated, Any, Final

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from queue_service.service import QueueService
from shared.clock import iso
from shared.commands import CommandData, RowId, validated
from shared.envelopes import success
from shared.http.body import read_json
from shared.http.context import JsonResponse
from shared.http.hanging_up import while_somebody_waits
from shared.job_commands import MAX_WAIT_S, Beat, Claim, LineRef, UnitRef
from shared.jobs import Job
from shared.jsonio import MAX_VALUES_OF_A_BATCH, loads
from shared.queue_commands import QueueRef
from shared.units import LEASE_S, UnitKey

MOST_QUEUES: Final = 1_000


class UnitClaim(UnitRef, Claim):
    """A claim, and whose it is."""


class UnitBeat(UnitRef, Beat):
    """A beat, and whose it is."""


class QueueRefs(CommandData):
    """Some queues."""

    queues: Annotated[list[QueueRef], Field(max_length=MOST_QUEUES)]


class JobWait(CommandData):
    """How long somebody waits for the end of a job."""

    jobId: RowId
    waitS: Annotated[float, Field(ge=0, le=MAX_WAIT_S)]


async def post_claim(request: Request) -> Response:
    """200 with `{jobs}`: leased to the unit as of now, or none once `waitS` is over. 404, 409, 503."""
    service: QueueService = request.app.state.service
    wire, _ = await read_json(request)
    claim = validated(UnitClaim, wire)
    granted = await while_somebody_waits(request, service.engine.claim(_key(claim), claim)) or []
    steps = await service.engine.steps(granted)
    return JsonResponse(success({"jobs": [_grant(job, steps.get(job.id, {})) for job in granted]}))


async def post_beat(request: Request) -> Response:
    """200 with `{cancel, lost, drain}`. 404, 409."""
    service: QueueService = request.app.state.service
    wire, _ = await read_json(request, max_values=MAX_VALUES_OF_A_BATCH)
    beat = validated(UnitBeat, wire)
    return JsonResponse(success(service.engine.beat(_key(beat), beat)))


async def post_outlook(request: Request) -> Response:
    """200 with `{units, queue}`: what the units are doing that run a type of job in a department, and what its queue
    lets begin (`shared.units.Outlook`, `shared.queues.Allowance`)."""
    service: QueueService = request.app.state.service
    wire, _ = await read_json(request)
    asked = validated(LineRef, wire)
    units = service.engine.outlook(asked.departmentId, asked.taskType)
    queue = service.engine.allowance((asked.departmentId, asked.queue))
    return JsonResponse(success({"units": units.view(), "queue": queue.view()}))


async def post_flow(request: Request) -> Response:
    """200 with `{arrivalsPerMinute, completionsPerMinute}` for each of `queues`, in order."""
    service: QueueService = request.app.state.service
    wire, _ = await read_json(request)
    asked = validated(QueueRefs, wire).queues
    return JsonResponse(success({"queues": service.engine.flow((ref.departmentId, ref.name) for ref in asked)}))


async def post_finished(request: Request) -> Response:
    """200 as soon as a job has ended, one way or the other, or is not there; or once `waitS` is over. 503."""
    service: QueueService = request.app.state.service
    wire, _ = await read_json(request)
    asked = validated(JobWait, wire)
    await while_somebody_waits(request, service.engine.endings.wait(asked.jobId, asked.waitS))
    return JsonResponse(success({}))


def _key(ref: UnitRef) -> UnitKey:
    return ref.departmentId, ref.unitId


def _grant(job: Job, steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "taskId": job.id,
        "attempt": job.attempt,
        "leaseToken": job.lease_token,
        "leaseS": LEASE_S,
        "name": job.name,
        "taskType": job.task_type,
        "queue": job.queue,
        "priority": job.priority,
        "config": loads(job.config),
        "timeoutS": job.timeout_s,
        "deadlineAt": None if job.deadline_at is None else iso(job.deadline_at),
        "atMostOnce": job.at_most_once,
        "steps": steps,
    }
