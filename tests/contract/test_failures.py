"""`GET /api/v1/tasks/failures`: what failed in the same way, and the jobs of one kind."""

from typing import Any
from urllib.parse import urlencode

import pytest

from shared.permissions import Permission
from tests.contract.conftest import Board
from tests.support.organisation import Organisation, Somebody
from tests.support.unit import Unit, submitted

RIGHTS = (Permission.TASK_CREATE, Permission.TASK_VIEW, Permission.TASK_UPDATE, Permission.UNIT_MANAGE)
PATH = "/api/v1/tasks"


@pytest.fixture
async def me(board: Board) -> Somebody:
    organisation = Organisation(board.admin)
    return await organisation.somebody(await organisation.department(), RIGHTS)


@pytest.fixture
async def unit(me: Somebody) -> Unit:
    unit = Unit(me.api)
    await unit.register(capacity=50)
    return unit


async def fails(unit: Unit, message: str, **members: Any) -> int:
    """A job that FAILED with this message."""
    job_id = (await submitted(unit.api, unit.task_type, **members))["id"]
    [job] = await unit.claim(wait_s=5)
    error = {"type": "OSError", "message": message}
    assert await unit.report(job, "fail", error=error, retryable=False) == {"status": 200}
    return int(job_id)


async def failures(me: Somebody, **query: str) -> dict[str, Any]:
    answer = await me.api.get(f"{PATH}/failures?{urlencode(query)}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.data
    return found


async def test_failures_of_one_kind_are_one_line_and_lead_to_their_jobs(me: Somebody, unit: Unit) -> None:
    alike = [await fails(unit, f"no route to host {n}") for n in range(3)]
    other = await fails(unit, "disk full")
    found = await failures(me)
    assert found["others"] == 0
    first, second = found["items"]
    assert (first["count"], first["latestId"], second["count"], second["latestId"]) == (3, alike[-1], 1, other)
    assert (first["taskType"], first["errorType"], first["errorMessage"]) == (
        unit.task_type,
        "OSError",
        "no route to host 2",
    )
    assert first["firstAt"] <= first["lastAt"] <= second["lastAt"]
    query = urlencode({"q": f"group:{first['failureGroup']}"})
    jobs = (await me.api.get(f"{PATH}?{query}")).data["items"]
    assert [job["id"] for job in jobs] == alike[::-1]
    assert {(job["failureGroup"], job["errorType"]) for job in jobs} == {(first["failureGroup"], "OSError")}


async def test_filters_choose(me: Somebody, unit: Unit) -> None:
    await fails(unit, "no route", queue="mail", name="monthly report")
    await fails(unit, "disk full", tags=["x"])
    for query, message in (
        ({"queue": "mail"}, "no route"),
        ({"name": "monthly"}, "no route"),
        ({"q": "tag:x"}, "disk full"),
        ({"q": "status:FAILED error:disk"}, "disk full"),
    ):
        [only] = (await failures(me, **query))["items"]
        assert only["errorMessage"] == message
    assert (await failures(me, taskType="OTHER"))["items"] == []


async def test_what_is_tried_anew_and_done_is_no_failure_any_more(me: Somebody, unit: Unit) -> None:
    job_id = await fails(unit, "no route")
    assert (await me.api.post(f"{PATH}/{job_id}/retry")).status == 200
    assert (await failures(me))["items"] == []
    [job] = await unit.claim(wait_s=5)
    await unit.report(job, "complete")
    done = (await me.api.get(f"{PATH}/{job_id}")).data
    assert (done["errorType"], done["failureGroup"], done["errorMessage"]) == (None, None, None)


async def test_what_time_ended_is_of_a_kind_too(me: Somebody, unit: Unit) -> None:
    for _ in range(2):
        await submitted(me.api, unit.task_type, expiresAt="2020-01-01T00:00:00Z")
    waiting = [job["id"] for job in (await me.api.get(PATH)).data["items"]]
    for job_id in waiting:
        assert (await me.api.get(f"{PATH}/{job_id}", Prefer="wait=10")).data["status"] == "FAILED"
    [only] = (await failures(me))["items"]
    assert (only["errorType"], only["count"]) == ("expired", 2)


async def test_nobody_sees_failures_of_another_department(board: Board, me: Somebody, unit: Unit) -> None:
    await fails(unit, "no route")
    organisation = Organisation(board.admin)
    elsewhere = await organisation.somebody(await organisation.department(), RIGHTS)
    assert await failures(elsewhere) == {"items": [], "others": 0}


async def test_other_states_are_no_failures(me: Somebody) -> None:
    answer = await me.api.get(f"{PATH}/failures?q=status:PENDING")
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "q")
