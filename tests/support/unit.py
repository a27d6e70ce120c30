"""A small execution unit: the protocol as a client would speak it, nothing more."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.support.api import Answer, Api

PATH = "/api/v1/execution-units"


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit, at whichever node `api` asks."""

    api: Api
    id: str = field(default_factory=lambda: f"unit-{uuid.uuid4().hex[:12]}")
    task_type: str = field(default_factory=lambda: f"TYPE-{uuid.uuid4().hex[:12]}")

    def at(self, api: Api) -> "Unit":
        """The same one, asking elsewhere."""
        return Unit(api, self.id, self.task_type)

    async def register(self, **members: Any) -> dict[str, Any]:
        new = {"id": self.id, "unitType": self.task_type, "unitName": "a unit", "capacity": 5} | members
        unit: dict[str, Any] = _data(await self.api.post(f"{PATH}/register", new))
        return unit

    async def beat(self, load: int = 0, **members: Any) -> dict[str, Any]:
        unit: dict[str, Any] = _data(await self.ask("heartbeat", {"currentLoad": load} | members))
        return unit

    async def claim(self, most: int = 1, wait_s: float = 0, claim_id: str | None = None) -> list[dict[str, Any]]:
        wish = {"max": most, "waitS": wait_s, "claimId": claim_id or uuid.uuid4().hex}
        jobs: list[dict[str, Any]] = _data(await self.ask("claim", wish))["jobs"]
        return jobs

    async def report(self, job: dict[str, Any], kind: str, **members: Any) -> dict[str, Any]:
        """What became of one report."""
        [result] = await self.reports(self.said(job, kind, **members))
        return result

    async def reports(self, *said: dict[str, Any]) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = _data(await self.ask("reports", {"reports": list(said)}))["results"]
        return results

    def said(self, job: dict[str, Any], kind: str, **members: Any) -> dict[str, Any]:
        """A report of an attempt that was claimed."""
        return {name: job[name] for name in ("taskId", "attempt", "leaseToken")} | {"kind": kind} | members

    async def ask(self, what: str, body: Any = None, **headers: str) -> Answer:
        return await self.api.post(f"{PATH}/{self.id}/{what}", body, **headers)


async def submitted(api: Api, task_type: str, **members: Any) -> dict[str, Any]:
    """A job just submitted, as the API shows it."""
    answer = await api.post("/api/v1/tasks", {"name": "a job", "taskType": task_type} | members)
    assert answer.status == 201, answer
    job: dict[str, Any] = answer.data
    return job


def _data(answer: Answer) -> Any:
    assert answer.status in (200, 201), answer
    return answer.data
