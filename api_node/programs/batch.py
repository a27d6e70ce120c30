"""Many jobs in one request: each judged for itself, written together, 500 at a time."""

import hashlib
from typing import Annotated, Any, Final

from pydantic import Field
from starlette.requests import Request

from api_node.forward import forward
from api_node.programs.submission import submission
from shared.commands import CommandData, validated
from shared.errors import ConsoleError, Invalid, PayloadTooLarge, UniqueConflict
from shared.http.body import MAX_BODY_BYTES
from shared.job_commands import MAX_JOBS_A_COMMAND, NewJob
from shared.jsonio import dumps
from shared.messages import message
from shared.principal import Principal

MAX_JOBS: Final = 10_000
MAX_CHUNK_BYTES: Final = 1 << 20


class JobBatch(CommandData):
    """Jobs to submit."""

    tasks: Annotated[
        list[Any],
        Field(
            min_length=1,
            max_length=MAX_JOBS,
            description="each like the body of `POST /api/v1/tasks`",
            examples=[[{"name": "示例任务", "taskType": "DATA_PROCESSING"}]],
        ),
    ]


class Batch:
    """One request for many jobs. `take` each, then ask for the `results`."""

    def __init__(self, request: Request, actor: Principal, raw: bytes) -> None:
        self._request = request
        self._actor = actor
        # of the whole body, so that another body under the same key is noticed by the first chunk
        self._digest = hashlib.sha256(raw).digest()
        self._results: list[dict[str, Any]] = []
        self._chunk: list[dict[str, Any]] = []
        self._places: list[int] = []
        self._bytes = 0
        self._chunks = 0
        self._is_replayed = True
        self._refusal: ConsoleError | None = None

    async def take(self, task: Any) -> None:
        """One more. What fills a chunk is submitted at once. Raises what refused the first chunk."""
        place = len(self._results)
        self._results.append({})
        try:
            new = submission(self._request, validated(NewJob, task))
            size = len(dumps(new))
            if size > MAX_BODY_BYTES:
                raise PayloadTooLarge
        except (Invalid, PayloadTooLarge) as refusal:
            self._results[place] = self._refused(refusal)
            return
        if len(self._chunk) == MAX_JOBS_A_COMMAND or self._bytes + size > MAX_CHUNK_BYTES:
            await self._submit()
        self._chunk.append(new)
        self._places.append(place)
        self._bytes += size

    async def results(self) -> list[dict[str, Any]]:
        """One for each that was taken, in order. Raises as `take` does."""
        await self._submit()
        return self._results

    def headers(self) -> dict[str, str]:
        """Those of the answer: whether all of it was submitted before."""
        return {"Idempotency-Replayed": "true"} if self._chunks and self._is_replayed else {}

    async def _submit(self) -> None:
        if not self._chunk:
            return
        if self._refusal is None:
            await self._forward()
        if self._refusal is not None:
            # what stopped one stops all after it: nobody waits for each of them to fail in turn
            self._results_of_chunk([self._refused(self._refusal)] * len(self._chunk))
        self._chunk, self._places, self._bytes = [], [], 0

    async def _forward(self) -> None:
        data = {"jobs": self._chunk}
        try:
            outcome = await forward(
                self._request, "submit-jobs", data, actor=self._actor, raw=self._digest, part=self._chunks
            )
        except ConsoleError as refusal:
            if not self._chunks:
                raise
            self._refusal = refusal
            return
        self._chunks += 1
        self._is_replayed &= outcome.is_replayed
        results: list[dict[str, Any]] = [{"status": 201, "id": job_id} for job_id in outcome.data["ids"]]
        # an answer of before there were unique keys has neither
        for place in outcome.data.get("existing", ()):
            results[place] |= {"status": 200, "conflict": True}
        for place in outcome.data.get("rejected", ()):
            results[place] |= self._refused(UniqueConflict())
        self._results_of_chunk(results)

    def _results_of_chunk(self, results: list[dict[str, Any]]) -> None:
        for place, result in zip(self._places, results, strict=True):
            self._results[place] = result

    def _refused(self, refusal: ConsoleError) -> dict[str, Any]:
        said: dict[str, Any] = {
            "status": refusal.status,
            "errorCode": refusal.code,
            "message": message(refusal.code, self._request.state.language),
            "outcome": refusal.outcome,
        }
        if refusal.errors:
            said["errors"] = [{"field": each.field, "message": each.message} for each in refusal.errors]
        return said
