"""`/api/v1/execution-units`: the protocol between units and the cluster, on both nodes, and what people see of them."""

import asyncio
import uuid
from typing import Any

import aiohttp
import pytest

from shared.permissions import Permission
from tests.contract.conftest import Board
from tests.support.api import Api
from tests.support.eventually import eventually
from tests.support.organisation import Organisation, Somebody
from tests.support.unit import PATH, Unit, submitted

OF_UNITS = (Permission.TASK_CREATE, Permission.TASK_VIEW, Permission.UNIT_MANAGE)
STALE = {"status": 409, "errorCode": "stale_attempt"}
ABSENT = {"status": 404, "errorCode": "not_found"}


@pytest.fixture
def organisation(board: Board) -> Organisation:
    return Organisation(board.admin)


@pytest.fixture
async def mine(organisation: Organisation) -> Somebody:
    """Somebody of a department in which nothing is yet."""
    return await organisation.somebody(await organisation.department(), OF_UNITS)


@pytest.fixture
async def unit(mine: Somebody) -> Unit:
    """A registered one."""
    made = Unit(mine.api)
    await made.register()
    return made


async def claims_wait(board: Board, how_many: int) -> None:
    """Wait until so many claims wait in the engine."""

    async def as_many() -> bool:
        status = (await board.admin.get("/api/queue/status")).data
        return bool(status["engine"]["claimsWaiting"] == how_many)

    await eventually(as_many, what=f"{how_many} claims waiting")


async def listed(api: Api, query: str = "") -> list[str]:
    return [unit["id"] for unit in (await api.get(f"{PATH}{query}")).data["items"]]


async def test_a_unit_registers_and_registers_again(mine: Somebody) -> None:
    new = {
        "id": f"worker@{uuid.uuid4().hex}",
        "unitType": "T",
        "unitName": "数据处理单元",
        "capacity": 5,
        "endpoint": "http://worker-001:8080",
        "taskTypes": ["U", "T"],
        "labels": {"zone": "a"},
    }
    first = await mine.api.post(f"{PATH}/register", new)
    assert first.status == 201
    assert first.data.items() >= (new | {"taskTypes": ["T", "U"]}).items()
    told = {"leaseS": 30, "beatS": 10, "status": "ONLINE", "currentLoad": 0, "metadata": {}, "version": 1}
    assert first.data.items() >= told.items()
    assert first.data["departmentId"] == mine.department_id
    again = await mine.api.post(f"{PATH}/register", new | {"capacity": 6})
    assert (again.status, again.data["capacity"], again.data["version"]) == (200, 6, 2)
    assert await listed(mine.api) == [new["id"]]


@pytest.mark.parametrize(
    ("member", "value"),
    [("id", "a b"), ("id", "a/b"), ("id", "x" * 101), ("capacity", 0), ("endpoint", "worker:80"), ("bootNonce", "")],
)
async def test_a_unit_that_cannot_be_is_refused(mine: Somebody, member: str, value: Any) -> None:
    new = {"id": "w", "unitType": "T", "unitName": "a unit", "capacity": 1} | {member: value}
    answer = await mine.api.post(f"{PATH}/register", new)
    assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), [member])


async def test_a_job_is_claimed_reported_and_completed_by_way_of_two_nodes(
    board: Board, mine: Somebody, unit: Unit
) -> None:
    elsewhere = unit.at(Api(board.other.http, mine.api.token))
    made = await submitted(mine.api, unit.task_type, config={"inputFile": "data.csv", "a": None}, timeoutS=9)
    [job] = await elsewhere.claim(5)
    expected = {
        "taskId": made["id"],
        "attempt": 1,
        "leaseS": 30,
        "taskType": unit.task_type,
        "config": {"inputFile": "data.csv", "a": None},
        "timeoutS": 9,
        "deadlineAt": None,
        "steps": {},
    }
    assert job.items() >= expected.items()
    assert await unit.claim(5) == []
    assert await unit.report(job, "progress", progress={"percent": 50}) == {"status": 200}
    running = (await mine.api.get(f"/api/v1/tasks/{made['id']}")).data
    assert (running["status"], running["reason"], running["progress"]) == ("RUNNING", "leased", {"percent": 50})
    assert "leaseToken" not in str(running)
    assert await unit.report(job, "complete", result=[1, None]) == {"status": 200}
    done = (await Api(board.other.http, mine.api.token).get(f"/api/v1/tasks/{made['id']}")).data
    assert (done["status"], done["result"], done["executionUnitId"]) == ("COMPLETED", [1, None], unit.id)


async def test_a_report_may_be_sent_again_and_another_one_is_stale(board: Board, mine: Somebody, unit: Unit) -> None:
    await submitted(mine.api, unit.task_type)
    [job] = await unit.claim()
    elsewhere = unit.at(Api(board.other.http, mine.api.token))
    assert await unit.report(job, "complete") == {"status": 200}
    assert await elsewhere.report(job, "complete") == {"status": 200, "already": True}
    assert await unit.report(job, "fail", error={"message": "no"}) == STALE
    assert await unit.report(job, "progress", progress=1) == STALE


async def test_a_report_is_taken_only_with_the_fence(mine: Somebody, unit: Unit) -> None:
    made = await submitted(mine.api, unit.task_type)
    [job] = await unit.claim()
    another = Unit(mine.api)
    await another.register()
    assert await another.report(job, "complete") == STALE
    assert await unit.report(job | {"leaseToken": "0" * 32}, "complete") == STALE
    assert await unit.report(job | {"attempt": 2}, "complete") == STALE
    assert (await mine.api.get(f"/api/v1/tasks/{made['id']}")).data["status"] == "RUNNING"


async def test_each_report_is_judged_for_itself_and_answered_in_order(mine: Somebody, unit: Unit) -> None:
    for _ in range(3):
        await submitted(mine.api, unit.task_type)
    first, second, third = await unit.claim(3)
    results = await unit.reports(
        unit.said(first, "complete"),
        unit.said(second | {"leaseToken": "0" * 32}, "complete"),
        unit.said(third | {"taskId": 2**52}, "complete"),
        unit.said(first, "complete"),
        unit.said(third, "release"),
    )
    assert results == [{"status": 200}, STALE, ABSENT, {"status": 200, "already": True}, {"status": 200}]
    many = await unit.ask("reports", {"reports": [unit.said(second, "complete")] * 501})
    assert (many.refusal, many.fields_at_fault) == ((422, "validation_failed"), ["reports"])
    assert await unit.reports(*[unit.said(second, "complete")] * 500) == [
        {"status": 200},
        *[{"status": 200, "already": True}] * 499,
    ]


async def test_the_same_claim_again_gets_the_same_jobs_at_either_node(board: Board, mine: Somebody, unit: Unit) -> None:
    for _ in range(3):
        await submitted(mine.api, unit.task_type)
    elsewhere = unit.at(Api(board.other.http, mine.api.token))
    first = await unit.claim(2, claim_id="once")
    assert len(first) == 2
    assert await elsewhere.claim(2, claim_id="once") == first
    assert len(await elsewhere.claim(2, claim_id="twice")) == 1


async def test_a_job_submitted_at_one_node_answers_the_claim_that_waits_at_the_other(
    board: Board, mine: Somebody, unit: Unit
) -> None:
    waiting = asyncio.ensure_future(unit.at(Api(board.other.http, mine.api.token)).claim(5, wait_s=25))
    await claims_wait(board, 1)
    made = await submitted(mine.api, unit.task_type)
    async with asyncio.timeout(10):
        [job] = await waiting
    assert (job["taskId"], job["attempt"]) == (made["id"], 1)


async def test_a_claim_ends_without_jobs_when_its_time_is_over(unit: Unit) -> None:
    assert await unit.claim(wait_s=0.2) == []


async def test_who_hangs_up_while_a_claim_waits_is_given_nothing(board: Board, mine: Somebody, unit: Unit) -> None:
    async with aiohttp.ClientSession(board.cluster.nodes[1].url) as http:
        waiting = asyncio.ensure_future(unit.at(Api(http, mine.api.token)).claim(5, wait_s=30))
        await claims_wait(board, 1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await claims_wait(board, 0)
    made = await submitted(mine.api, unit.task_type)
    assert (made["status"], made["reason"]) == ("PENDING", "ready")
    [job] = await unit.claim()
    assert (job["taskId"], job["attempt"]) == (made["id"], 1)


async def test_no_write_waits_behind_claims(board: Board, mine: Somebody, unit: Unit) -> None:
    async with aiohttp.ClientSession(board.cluster.nodes[0].url, connector=aiohttp.TCPConnector(limit=0)) as http:
        waiting = [asyncio.ensure_future(unit.at(Api(http, mine.api.token)).claim(wait_s=30)) for _ in range(150)]
        await claims_wait(board, 150)
        async with asyncio.timeout(10):
            assert (await submitted(mine.api, "another type"))["status"] == "PENDING"
            assert (await unit.beat(1))["currentLoad"] == 1
        for claim in waiting:
            claim.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    await claims_wait(board, 0)


async def test_a_unit_waits_neither_long_nor_for_many(unit: Unit) -> None:
    for wish, field in (
        ({"max": 1}, "claimId"),
        ({"claimId": "a", "waitS": 31}, "waitS"),
        ({"claimId": "a", "max": 501}, "max"),
    ):
        answer = await unit.ask("claim", wish)
        assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), [field])


async def test_a_beat_shows_the_unit_and_what_it_should_know(mine: Somebody, unit: Unit) -> None:
    made = await submitted(mine.api, unit.task_type)
    [job] = await unit.claim()
    said = {"currentLoad": 2, "metadata": {"cpuUsage": 45.2, "memoryUsage": 67.8}}
    held = [{"taskId": job["taskId"], "attempt": 1}, {"taskId": 2**52, "attempt": 1}]
    told = (await unit.ask("heartbeat", said | {"leases": held})).data
    assert told.items() >= (said | {"id": unit.id, "status": "ONLINE", "drain": False, "cancel": []}).items()
    assert told["lost"] == [2**52]
    assert (await unit.beat(2))["lost"] == []

    async def is_kept() -> bool:
        seen = (await mine.api.get(f"{PATH}/{unit.id}")).data
        return bool(seen["currentLoad"] == 2)

    await eventually(is_kept, what="what the beat said")
    assert (await mine.api.get(f"/api/v1/tasks/{made['id']}")).data["status"] == "RUNNING"


async def test_a_beat_may_name_ten_thousand_leases(unit: Unit) -> None:
    held = [{"taskId": 2**52 + number, "attempt": 1} for number in range(10_000)]
    assert len((await unit.beat(0, leases=held))["lost"]) == 10_000


async def test_a_lease_that_a_beat_does_not_name_goes_back(mine: Somebody, unit: Unit) -> None:
    made = await submitted(mine.api, unit.task_type)
    [job] = await unit.claim()

    async def went_back() -> bool:
        await unit.beat(0, leases=[])
        return bool((await mine.api.get(f"/api/v1/tasks/{made['id']}")).data["status"] == "PENDING")

    await eventually(went_back, what="the job being handed back")
    assert await unit.report(job, "complete") == STALE
    [again] = await unit.claim(wait_s=5)
    assert (again["taskId"], again["attempt"]) == (made["id"], 2)


async def test_another_process_of_a_unit_takes_its_place(mine: Somebody) -> None:
    unit = Unit(mine.api)
    await unit.register(bootNonce="first")
    made = await submitted(mine.api, unit.task_type)
    [job] = await unit.claim()
    await unit.register(bootNonce="second")
    for what, said in (("heartbeat", {"currentLoad": 1}), ("claim", {"claimId": "x"})):
        answer = await unit.ask(what, said | {"bootNonce": "first"})
        assert answer.refusal == (409, "conflict")
        assert "another process" in answer.body["detail"]
    [again] = (await unit.ask("claim", {"claimId": "y", "waitS": 10, "bootNonce": "second"})).data["jobs"]
    assert (again["taskId"], again["attempt"]) == (made["id"], 2)
    assert await unit.report(job, "complete") == STALE


async def test_a_unit_drains_is_taken_out_let_in_again_and_forgotten(mine: Somebody, unit: Unit) -> None:
    await submitted(mine.api, unit.task_type)
    draining = await unit.ask("drain")
    assert (draining.status, draining.data["status"], draining.headers["ETag"]) == (200, "DRAINING", '"v2"')
    assert await unit.claim() == []
    assert (await unit.beat())["drain"] is True
    assert (await unit.ask("online")).data["status"] == "ONLINE"
    [job] = await unit.claim()
    assert (await unit.ask("offline")).data["status"] == "OFFLINE"

    async def went_back() -> bool:
        return bool((await mine.api.get(f"/api/v1/tasks/{job['taskId']}")).data["status"] == "PENDING")

    await eventually(went_back, what="the job being handed back")
    assert (await unit.beat())["drain"] is True
    assert (await mine.api.get(f"{PATH}/{unit.id}")).data["status"] == "OFFLINE"  # a beat does not bring it back
    gone = await mine.api.delete(f"{PATH}/{unit.id}")
    assert (gone.status, gone.raw) == (204, b"")
    for answer in (
        await mine.api.get(f"{PATH}/{unit.id}"),
        await mine.api.delete(f"{PATH}/{unit.id}"),
        await unit.ask("drain"),
        await unit.ask("heartbeat", {"currentLoad": 0}),
        await unit.ask("claim", {"claimId": "x"}),
    ):
        assert answer.refusal == (404, "not_found")
    assert await listed(mine.api) == []
    assert (await mine.api.post(f"{PATH}/register", _new(unit))).status == 201


async def test_lists_choose_and_statistics_count(mine: Somebody) -> None:
    busy, free, draining, off = [Unit(mine.api, task_type="T") for _ in range(4)]
    for one in (busy, free, draining, off):
        await one.register(capacity=2, taskTypes=['with "quotes"', "Other"])
    await busy.beat(2)
    await free.beat(1)
    await draining.ask("drain")
    await off.ask("offline")

    async def are_kept() -> bool:
        found = (await mine.api.get(f"{PATH}/statistics")).data
        return bool(found["currentLoad"] == 3)

    await eventually(are_kept, what="what the beats said")
    assert await listed(mine.api) == [off.id, draining.id, free.id, busy.id]
    assert await listed(mine.api, "?status=ONLINE") == [free.id, busy.id]
    assert await listed(mine.api, "?status=OFFLINE&status=DRAINING") == [off.id, draining.id]
    assert await listed(mine.api, "/available") == [free.id]
    assert await listed(mine.api, "/available?taskType=T") == [free.id]
    assert await listed(mine.api, "/available?taskType=with %22quotes%22") == [free.id]
    for absent in ("t", "quotes", "other", "OTHER", "%22"):
        assert await listed(mine.api, f"/available?taskType={absent}") == []
    assert (await mine.api.get(f"{PATH}/statistics")).data == {
        "total": 4,
        "byStatus": {"ONLINE": 2, "DRAINING": 1, "OFFLINE": 1},
        "capacity": 6,
        "currentLoad": 3,
    }
    first = (await mine.api.get(f"{PATH}?limit=3")).data
    assert (first["total"], first["page"], first["limit"]) == (4, 1, 3)
    assert await listed(mine.api, f"?limit=3&cursor={first['nextCursor']}") == [busy.id]
    for query, field in (("?state=x", "state"), ("?status=x", "status"), ("/available?status=ONLINE", "status")):
        answer = await mine.api.get(f"{PATH}{query}")
        assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), [field])


async def test_a_unit_is_its_departments_and_an_id_is_unique_there(
    board: Board, organisation: Organisation, mine: Somebody, unit: Unit
) -> None:
    below = await organisation.somebody(await organisation.department(mine.department_id), OF_UNITS)
    elsewhere = await organisation.somebody(await organisation.department(), OF_UNITS)
    made = await submitted(mine.api, unit.task_type)
    for other in (below, elsewhere):
        assert (await other.api.get(f"{PATH}/{unit.id}")).refusal == (404, "not_found")
        namesake = unit.at(other.api)
        assert (await namesake.ask("heartbeat", {"currentLoad": 0})).refusal == (404, "not_found")
        assert (await namesake.register())["version"] == 1
        assert await namesake.claim() == []  # the job is another department's
    assert (await mine.api.get(f"{PATH}/{unit.id}")).data["departmentId"] == mine.department_id
    seen = await mine.api.get(f"{PATH}/{unit.id}?departmentId={below.department_id}")
    assert seen.data["departmentId"] == below.department_id
    hidden = await mine.api.get(f"{PATH}/{unit.id}?departmentId={elsewhere.department_id}")
    assert hidden.refusal == (404, "not_found")
    assert await listed(mine.api) == [unit.id, unit.id]
    assert await listed(elsewhere.api) == [unit.id]
    assert (await board.admin.get(f"{PATH}/{unit.id}")).data["departmentId"] == mine.department_id
    [job] = await unit.claim()
    assert job["taskId"] == made["id"]
    assert await unit.at(elsewhere.api).report(job, "complete") == ABSENT


async def test_a_program_is_a_unit_with_the_scope_for_it(organisation: Organisation, mine: Somebody) -> None:
    program = await organisation.program(mine.department_id, [Permission.UNIT_MANAGE])
    unit = Unit(program.api)
    await unit.register()
    await submitted(mine.api, unit.task_type)
    [job] = await unit.claim()
    assert await unit.report(job, "complete") == {"status": 200}
    assert (await program.api.get(f"{PATH}/{unit.id}")).status == 200


def _new(unit: Unit) -> dict[str, Any]:
    return {"id": unit.id, "unitType": unit.task_type, "unitName": "a unit", "capacity": 5}


async def test_a_department_with_jobs_and_units_stays(organisation: Organisation) -> None:
    department_id = await organisation.department()
    program = await organisation.program(department_id, OF_UNITS)
    unit = Unit(program.api)
    await unit.register()
    job = await submitted(program.api, unit.task_type)
    [given] = await unit.claim()
    admin = organisation.admin
    refused = await admin.delete(f"/v1/departments/{department_id}")
    assert (refused.status, refused.body["errorCode"]) == (409, "in_use")
    assert refused.body["usedBy"].items() >= {"applications": 1, "jobs": 1, "units": 1}.items()
    assert await unit.report(given, "complete") == {"status": 200}
    assert (await program.api.delete(f"{PATH}/{unit.id}")).status == 204
    assert (await admin.delete(f"/v1/applications/{program.id}")).status == 200
    assert (await admin.delete(f"/v1/departments/{department_id}")).status == 200
    assert (await admin.get(f"/api/v1/tasks/{job['id']}")).data["status"] == "COMPLETED"


async def test_progress_is_small(unit: Unit) -> None:
    await submitted(unit.api, unit.task_type)
    [job] = await unit.claim()
    refused = await unit.ask("reports", {"reports": [unit.said(job, "progress", progress="x" * 16_384)]})
    assert (refused.status, refused.body["errors"][0]["field"]) == (422, "reports.0.progress")
    assert "16384 bytes" in refused.body["errors"][0]["message"]
    assert await unit.report(job, "progress", progress="x" * 16_000) == {"status": 200}
