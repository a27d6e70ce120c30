"""`/api/v1/tasks/{id}/...` (seed 001): what people and programs do to a job that is there."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_node.forward import forward
from api_node.parameters import path_id, seen_version
from api_node.programs.answers import applied
from shared.commands import validated
from shared.http.body import read_json, read_json_or_nothing
from shared.job_actions import JobOperation, Saying, StatusChange
from shared.jobs import Operation
from shared.principal import Principal


async def set_status(request: Request, actor: Principal) -> Response:
    """200 with the job. 404, 409 `wrong_state` with `current` and what is `possible`, 409 with `current` for a stale
    `version` in body or query, 412 for a stale `If-Match`, 422.

    RUNNING: whoever asks runs it themselves, for at most `timeoutS`; they say how it ended by COMPLETED (with a
    `result`) or FAILED, or hand it back by PENDING. Otherwise PENDING resumes a paused job and begins a finished one
    anew; PAUSED and CANCELLED are as `/pause` and `/cancel`.
    """
    body, raw = await read_json(request)
    change = validated(StatusChange, body)
    return await _done(
        request, actor, "set-job-status", {"status": change.status, "result": change.result}, change, raw
    )


async def operate(request: Request, actor: Principal) -> Response:
    """200 with the job. 404, 409 `wrong_state` with `current` and what is `possible`, 409 with `current` for a stale
    `version` in body or query, 412 for a stale `If-Match`, 422.

    `start`, `pause`, `resume`, `cancel`; `retry`, with another `config` perhaps; `reprioritise` with a `priority`;
    `reschedule` with `runAt` or `delayMs`. `reason` is kept with the job.
    """
    body, raw = await read_json(request)
    wanted = validated(JobOperation, body)
    what = wanted.model_dump(exclude_unset=True, exclude={"reason", "version"})
    return await _done(request, actor, "operate-job", what, wanted, raw)


async def start(request: Request, actor: Principal) -> Response:
    """200 with the job: it may run now, whatever time it waited for; a paused one, too. 404, 409 `wrong_state`."""
    return await _operated(request, actor, "start")


async def pause(request: Request, actor: Principal) -> Response:
    """200 with the job: it waits until it is resumed; its deadline does not. 404, 409 `wrong_state`: one that runs
    cannot wait."""
    return await _operated(request, actor, "pause")


async def resume(request: Request, actor: Principal) -> Response:
    """200 with the job: it goes on waiting for its time and a unit. 404, 409 `wrong_state`."""
    return await _operated(request, actor, "resume")


async def cancel(request: Request, actor: Principal) -> Response:
    """200 with the job: it is CANCELLED as of now. Its unit, if one runs it, is told with its next beat, and what it
    reports counts no more. 404, 409 `wrong_state`."""
    return await _operated(request, actor, "cancel")


async def retry(request: Request, actor: Principal) -> Response:
    """200 with the job: finished, one way or the other, it begins anew as of now, with its whole budget of errors and
    crashes; its attempts are kept. Times of it that are over do not count any more. 404, 409 `wrong_state`."""
    return await _operated(request, actor, "retry")


async def _operated(request: Request, actor: Principal, operation: Operation) -> Response:
    body, raw = await read_json_or_nothing(request)
    return await _done(request, actor, "operate-job", {"operation": operation}, validated(Saying, body), raw)


async def _done(
    request: Request,
    actor: Principal,
    command_type: str,
    what: dict[str, Any],
    said: Saying,
    raw: bytes,
) -> Response:
    outcome = await forward(
        request,
        command_type,
        what | {"taskId": path_id(request)},
        actor=actor,
        raw=raw,
        expected_version=seen_version(request, said.version),
        because=said.reason,
    )
    return applied(request, outcome)
