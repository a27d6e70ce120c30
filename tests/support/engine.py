"""Talking to the job engine of a queue service in this process: a unit, its claims and reports."""

from itertools import count
from typing import Any

from queue_service.service import QueueService
from shared.job_commands import Claim
from shared.jobs import Job
from shared.units import UnitKey
from tests.support.databases import Database
from tests.support.writer import command

UNIT: UnitKey = (1, "worker-001")
_numbers = count()


async def submit(service: QueueService, **members: Any) -> dict[str, Any]:
    new = {"name": "a job", "taskType": "T"} | members
    answer = await service.intake.submit(command("submit-job", new))
    job: dict[str, Any] = answer.data
    return job


async def registered(service: QueueService, unit_id: str = "worker-001", **members: Any) -> UnitKey:
    new = {"id": unit_id, "unitType": "T", "unitName": "a unit", "capacity": 10} | members
    await service.intake.submit(command("register-unit", new))
    return 1, unit_id


async def claimed(service: QueueService, most: int = 1, *, wait_s: float = 0, unit: UnitKey = UNIT) -> list[Job]:
    claim = Claim(max=most, waitS=wait_s, claimId=f"claim-{next(_numbers)}")
    return await service.engine.claim(unit, claim)


async def make_known(service: QueueService) -> None:
    """Have the engine read what waits of the usual queue and type: from then on it hears of what is new."""
    await submit(service)
    [job] = await claimed(service, wait_s=5)
    assert await report(service, job, "complete") == {"status": 200}


async def report(service: QueueService, job: Job, kind: str, unit: UnitKey = UNIT, **members: Any) -> dict[str, Any]:
    said = {"taskId": job.id, "attempt": job.attempt, "leaseToken": job.lease_token, "kind": kind} | members
    answer = await service.intake.submit(command("report-jobs", {"unitId": unit[1], "reports": [said]}))
    result: dict[str, Any] = answer.data["results"][0]
    return result


def stored(database: Database, job_id: int) -> tuple[str, int, int, int]:
    """Status, attempt, errors and crashes."""
    statement = "SELECT status, attempt, error_count, crash_count FROM job WHERE id = :id"
    [row] = database.rows(statement, id=job_id)
    return row
