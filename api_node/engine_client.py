"""What units ask of the job engine, on its way to the queue service: apart from the writes, so that none of them ever
stands behind a claim that waits."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import aiohttp

from shared.errors import ConsoleError, QueueFull, QueueUnreachable, ShuttingDown, Unavailable
from shared.job_commands import Beat, Claim
from shared.jsonio import dumps, loads
from shared.queues import Allowance, QueueKey
from shared.units import Outlook, UnitKey
from shared.wire import error_from_wire

MAX_CLAIMS: Final = 2_000
"""Claims, and others who wait, of this node; past it they get 503. Beats have connections of their own beside them."""

MAX_WATCHING: Final = 500
"""Of those, who waits for the end of a job."""

MAX_BEATS: Final = 100
CONNECT_S: Final = 2.0
ANSWER_S: Final = 15.0
"""The longest an answer takes, beyond the time that a claim may wait."""


LOOK_S: Final = 3.0
"""The same of a look: somebody sits before it."""


class EngineClient:
    """One node's line to the job engine. `start` and `close` once each."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._secret = secret
        self._waiting: set[asyncio.Task[Any]] = set()
        self._watching = 0
        self._is_stopping = False
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the client; connections are made when first needed."""
        self._http = aiohttp.ClientSession(
            base_url=self._url,
            headers={"Authorization": f"Bearer {self._secret}", "Content-Type": "application/json"},
            connector=aiohttp.TCPConnector(limit=MAX_CLAIMS + MAX_BEATS, keepalive_timeout=30),
            # an inherited proxy setting must not send internal traffic elsewhere
            trust_env=False,
        )

    def begin_stop(self) -> None:
        """Keep nobody waiting from now on: what a claim would have got, the same claim gets at another node."""
        self._is_stopping = True
        for task in self._waiting:
            task.cancel()

    async def close(self) -> None:
        self.begin_stop()
        if self._http is not None:
            await self._http.close()

    async def claim(self, unit: UnitKey, claim: Claim) -> list[dict[str, Any]]:
        """Jobs for a unit; none once `waitS` is over. Being cancelled hangs up, and nothing more is leased for it.

        Raises the engine's refusal; ShuttingDown while this node stops; QueueFull; QueueUnreachable, whose outcome is
        unknown when the claim had been sent: the same `claimId` again tells.
        """
        told = await self._wait("units/claim", _ref(unit) | claim.model_dump(), claim.waitS)
        found: list[dict[str, Any]] = told["jobs"]
        return found

    async def finished(self, job_id: int, within_s: float) -> None:
        """Wait until a job has ended, or for so long. Being cancelled hangs up. Raises as `claim` does."""
        if self._watching >= MAX_WATCHING:
            raise QueueFull
        self._watching += 1
        try:
            await self._wait("jobs/finished", {"jobId": job_id, "waitS": within_s}, within_s)
        finally:
            self._watching -= 1

    async def _wait(self, what: str, wish: dict[str, Any], wait_s: float) -> dict[str, Any]:
        """Ask what may be answered late."""
        if self._is_stopping:
            raise ShuttingDown
        if len(self._waiting) >= MAX_CLAIMS:
            raise QueueFull
        task = asyncio.ensure_future(self._ask(what, wish, wait_s + ANSWER_S))
        self._waiting.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._is_stopping:
                raise ShuttingDown from None
            raise
        finally:
            self._waiting.discard(task)
            task.cancel()

    async def beat(self, unit: UnitKey, beat: Beat) -> dict[str, Any]:
        """`{cancel, lost, drain}`. Raises as `claim` does."""
        return await self._ask("units/beat", _ref(unit) | beat.model_dump(), ANSWER_S)

    async def outlook(self, key: QueueKey, task_type: str) -> tuple[Outlook, Allowance]:
        """What the units are doing that run a type of job, and what its queue lets begin. Raises as `claim` does."""
        department_id, name = key
        wish = {"departmentId": department_id, "queue": name, "taskType": task_type}
        found = await self._ask("units/outlook", wish, LOOK_S)
        allowance = Allowance(found["queue"]["running"], found["queue"]["nextStartInS"])
        return Outlook(**found["units"]), allowance

    async def flow(self, keys: Sequence[QueueKey]) -> list[dict[str, float]]:
        """How many jobs a minute came and went of each queue, lately. Raises as `claim` does."""
        wish = {"queues": [{"departmentId": department_id, "name": name} for department_id, name in keys]}
        found: list[dict[str, float]] = (await self._ask("queues/flow", wish, LOOK_S))["queues"]
        return found

    async def _ask(self, what: str, wish: dict[str, Any], within_s: float) -> dict[str, Any]:
        assert self._http is not None  # noqa: S101 - start() was called
        body = dumps(wish)
        timeout = aiohttp.ClientTimeout(total=within_s, sock_connect=CONNECT_S)
        try:
            async with self._http.post(f"/internal/{what}", data=body, timeout=timeout) as response:
                answer: dict[str, Any] = loads(await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise QueueUnreachable from error
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            unknown = QueueUnreachable("the connection broke off: ask again, a claim under the same claimId")
            unknown.outcome = "unknown"
            raise unknown from error
        if response.status != 200:
            raise _refusal(response.status, answer)
        data: dict[str, Any] = answer["data"]
        return data


def _ref(unit: UnitKey) -> dict[str, Any]:
    department_id, unit_id = unit
    return {"departmentId": department_id, "unitId": unit_id}


def _refusal(status: int, answer: dict[str, Any]) -> ConsoleError:
    """The error that the queue service answered with; a wrong secret is this node's fault, not the unit's."""
    if status == 401 or "errorCode" not in answer:
        return Unavailable(f"the queue service refused this node ({status})")
    return error_from_wire(answer | {"code": answer["errorCode"], "retryAfterS": 1 if status == 503 else None})
