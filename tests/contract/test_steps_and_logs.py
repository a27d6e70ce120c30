"""`/api/v1/tasks/{id}/steps` and `/logs`: what attempts leave behind while they run, for whoever looks on."""

import asyncio
from typing import Any

import pytest

from shared.permissions import Permission
from tests.contract.conftest import Board
from tests.support.api import Answer, Api
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
    await unit.register()
    return unit


async def a_job(unit: Unit) -> dict[str, Any]:
    """One that runs, as the unit got it."""
    await submitted(unit.api, unit.task_type)
    [job] = await unit.claim(wait_s=5)
    return job


async def says(unit: Unit, job: dict[str, Any], line: int, **members: Any) -> None:
    assert await unit.report(job, "log", line=line, **members) == {"status": 200}


async def logs(api: Api, job: dict[str, Any], query: str = "", **headers: str) -> Answer:
    return await api.get(f"{PATH}/{job['taskId']}/logs?{query}", **headers)


async def test_steps_and_progress_are_shown_and_given_to_the_next_attempt(me: Somebody, unit: Unit) -> None:
    job = await a_job(unit)
    assert job["steps"] == {}
    assert await unit.report(job, "step", name="fetched", result={"rows": 3}) == {"status": 200}
    assert await unit.report(job, "progress", progress={"percent": 50}) == {"status": 200}
    shown = (await me.api.get(f"{PATH}/{job['taskId']}/steps")).data
    [step] = shown["items"]
    assert (step["name"], step["result"], step["attempt"]) == ("fetched", {"rows": 3}, 1)
    assert shown["progress"] == {"percent": 50}
    again = await unit.report(job, "step", name="fetched", result="other")
    assert again == {"status": 200, "already": True, "result": {"rows": 3}}
    await unit.report(job, "release")
    [job] = await unit.claim(wait_s=5)
    assert (job["attempt"], job["steps"]) == (2, {"fetched": {"rows": 3}})


async def test_a_claim_that_is_sent_again_has_the_steps_too(unit: Unit) -> None:
    job = await a_job(unit)
    await unit.report(job, "step", name="fetched", result=1)
    await unit.report(job, "release")
    for _ in range(2):
        [job] = await unit.claim(wait_s=5, claim_id="the-same")
        assert job["steps"] == {"fetched": 1}


async def test_a_log_is_read_page_by_page_at_either_node(board: Board, me: Somebody, unit: Unit) -> None:
    job = await a_job(unit)
    for line in range(1, 6):
        await says(unit, job, line, message=f"line {line}", fields={"n": line})
    other, found, cursor = Api(board.other.http, me.api.token), list[dict[str, Any]](), "0.0"
    for api in (me.api, other, me.api):
        page = (await logs(api, job, f"limit=2&cursor={cursor}")).data
        found, cursor = found + page["items"], page["nextCursor"]
        assert page["isOver"] is False
    assert [(line["attempt"], line["line"], line["message"]) for line in found] == [
        (1, n, f"line {n}") for n in range(1, 6)
    ]
    assert found[0]["fields"] == {"n": 1}
    empty = (await logs(me.api, job, f"cursor={cursor}")).data
    assert (empty["items"], empty["nextCursor"]) == ([], cursor)
    await unit.report(job, "release")
    [job] = await unit.claim(wait_s=5)
    await says(unit, job, 1, message="anew")
    after = (await logs(me.api, job, f"cursor={cursor}")).data
    assert [(line["attempt"], line["line"]) for line in after["items"]] == [(2, 1)]
    await unit.report(job, "complete")
    assert (await logs(me.api, job, f"cursor={after['nextCursor']}")).data["isOver"] is True
    assert (await logs(me.api, job, "limit=6")).data["isOver"] is False
    assert (await logs(me.api, job, "limit=7")).data["isOver"] is True


async def test_a_level_is_that_and_what_matters_more(me: Somebody, unit: Unit) -> None:
    job = await a_job(unit)
    levels = ["debug", "info", "warning", "error"]
    for line, level in enumerate(levels, 1):
        await says(unit, job, line, level=level)
    for n, level in enumerate(levels):
        shown = (await logs(me.api, job, f"level={level}")).data["items"]
        assert [line["level"] for line in shown] == levels[n:]


async def test_a_log_can_be_followed_as_it_is_written(me: Somebody, unit: Unit) -> None:
    job = await a_job(unit)
    waiting = asyncio.ensure_future(logs(me.api, job, Prefer="wait=20"))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    await says(unit, job, 1, message="first")
    answer = await asyncio.wait_for(waiting, 10)
    assert [line["message"] for line in answer.data["items"]] == ["first"]
    assert answer.headers["Preference-Applied"] == "wait"
    waiting = asyncio.ensure_future(logs(me.api, job, f"cursor={answer.data['nextCursor']}", Prefer="wait=20"))
    await unit.report(job, "complete")
    answer = await waiting
    assert (answer.data["items"], answer.data["isOver"]) == ([], True)


async def test_nobody_waits_longer_than_asked(me: Somebody, unit: Unit) -> None:
    job = await a_job(unit)
    assert (await logs(me.api, job, Prefer="wait=1")).data["items"] == []
    assert (await logs(me.api, job, Prefer="wait=0")).data["items"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=101", "limit"), ("cursor=1", "cursor"), ("level=loud", "level"), ("x=1", "x")],
)
async def test_a_wrong_parameter_is_named(me: Somebody, unit: Unit, query: str, field: str) -> None:
    answer = await logs(me.api, await a_job(unit), query)
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(("kind", "missing"), [("step", "name"), ("log", "line")])
async def test_a_step_has_a_name_and_a_line_its_number(unit: Unit, kind: str, missing: str) -> None:
    answer = await unit.ask("reports", {"reports": [unit.said(await a_job(unit), kind)]})
    assert answer.status == 422
    assert f"needs a {missing}" in answer.body["errors"][0]["message"]
