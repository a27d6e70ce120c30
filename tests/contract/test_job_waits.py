"""`Prefer: wait=N` on a job that is submitted or read: the answer comes when the job has ended. And jobs counted."""

import asyncio
import time
from typing import Any

import pytest

from shared.permissions import Permission
from tests.contract.conftest import Board
from tests.support.api import Answer, Api
from tests.support.organisation import Organisation, Somebody
from tests.support.unit import Unit, submitted

RIGHTS = tuple(Permission(f"task:{what}") for what in ("create", "view", "update"))
RIGHTS += (Permission.UNIT_MANAGE,)
PATH = "/api/v1/tasks"


@pytest.fixture
async def mine(board: Board) -> Somebody:
    """Somebody of a department in which nothing is yet."""
    organisation = Organisation(board.admin)
    return await organisation.somebody(await organisation.department(), RIGHTS)


@pytest.fixture
async def unit(mine: Somebody) -> Unit:
    unit = Unit(mine.api)
    await unit.register()
    return unit


async def submit(api: Api, unit: Unit, wait_s: int, **members: Any) -> Answer:
    new = {"name": "a job", "taskType": unit.task_type} | members
    return await api.post(PATH, new, Prefer=f"wait={wait_s}")


@pytest.mark.parametrize("kind", ["complete", "fail"])
async def test_who_waits_is_shown_how_the_job_ended(board: Board, mine: Somebody, unit: Unit, kind: str) -> None:
    began = time.monotonic()
    waiting = asyncio.ensure_future(submit(mine.api, unit, 30, maxAttempts=1))
    [job] = await unit.at(Api(board.other.http, mine.api.token)).claim(wait_s=20)
    assert await unit.report(job, kind, **({"result": {"rows": 3}} if kind == "complete" else {})) == {"status": 200}
    answer = await waiting
    assert time.monotonic() - began < 25  # told, and not when the time was over
    assert (answer.status, answer.headers["Preference-Applied"]) == (201, "wait")
    assert answer.data["status"] == ("COMPLETED" if kind == "complete" else "FAILED")
    assert answer.data["result"] == ({"rows": 3} if kind == "complete" else None)
    assert answer.headers["ETag"] == f'"v{answer.data["version"]}"'


async def test_who_waits_in_vain_is_shown_the_job_as_it_is(mine: Somebody, unit: Unit) -> None:
    began = time.monotonic()
    answer = await submit(mine.api, unit, 1)
    assert time.monotonic() - began >= 1
    assert (answer.status, answer.data["status"]) == (201, "PENDING")


async def test_a_job_that_is_read_is_waited_for_until_somebody_cancels_it(
    board: Board, mine: Somebody, unit: Unit
) -> None:
    job_id = (await submitted(mine.api, unit.task_type))["id"]
    waiting = asyncio.ensure_future(mine.api.get(f"{PATH}/{job_id}", Prefer="wait=30"))
    await Api(board.other.http, mine.api.token).post(f"{PATH}/{job_id}/cancel")
    assert (await waiting).data["status"] == "CANCELLED"
    # and one that has ended already is not waited for
    began = time.monotonic()
    assert (await mine.api.get(f"{PATH}/{job_id}", Prefer="wait=30")).data["status"] == "CANCELLED"
    assert time.monotonic() - began < 20


async def test_who_may_not_see_jobs_does_not_learn_how_they_end(board: Board, mine: Somebody, unit: Unit) -> None:
    blind = await Organisation(board.admin).somebody(mine.department_id, [Permission.TASK_CREATE])
    answer = await submit(blind.api, unit, 30)
    assert (answer.status, "Preference-Applied" in answer.headers) == (201, False)


async def test_jobs_are_counted_by_state_type_and_queue(board: Board, mine: Somebody, unit: Unit) -> None:
    for queue, count in (("reports", 3), ("default", 1)):
        for _ in range(count):
            await submitted(mine.api, unit.task_type, queue=queue)
    await submitted(mine.api, "another", delayMs=3_600_000)
    elsewhere = await Organisation(board.admin).somebody(await Organisation(board.admin).department(), RIGHTS)
    await submitted(elsewhere.api, unit.task_type)
    done, *_ = await unit.claim(2, wait_s=5)
    await unit.report(done, "complete")
    counted = (await mine.api.get(f"{PATH}/statistics")).data
    assert counted["total"] == 5
    assert counted["byStatus"] == {
        "PENDING": 3,
        "RUNNING": 1,
        "COMPLETED": 1,
        **dict.fromkeys(("PAUSED", "FAILED", "CANCELLED"), 0),
    }
    assert counted["byType"] == {
        unit.task_type: {"PENDING": 2, "RUNNING": 1, "COMPLETED": 1},
        "another": {"PENDING": 1},
    }
    assert {name: sum(jobs.values()) for name, jobs in counted["byQueue"].items()} == {"reports": 3, "default": 2}
    assert (counted["otherTypes"], counted["otherQueues"]) == (0, 0)
    assert (await mine.api.get(f"{PATH}/statistics?status=PENDING")).refusal == (422, "validation_failed")
