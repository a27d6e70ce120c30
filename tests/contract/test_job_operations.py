"""`PUT /api/v1/tasks/{id}/status`, `/operations`, `/start` and their like: what people and programs do to a job."""

import uuid
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
async def mine(board: Board) -> Somebody:
    """Somebody of a department in which nothing is yet."""
    organisation = Organisation(board.admin)
    return await organisation.somebody(await organisation.department(), RIGHTS)


async def a_job(mine: Somebody, **members: Any) -> int:
    return int((await submitted(mine.api, "T", **members))["id"])


async def operate(api: Api, job_id: int, operation: str, **members: Any) -> Answer:
    return await api.post(f"{PATH}/{job_id}/operations", {"operation": operation} | members)


async def test_pause_resume_start_cancel_and_retry(board: Board, mine: Somebody) -> None:
    job_id = await a_job(mine, delayMs=3_600_000)
    there = [mine.api, Api(board.other.http, mine.api.token)]
    statuses = []
    for n, what in enumerate(("pause", "resume", "start", "cancel", "retry")):
        answer = await there[n % 2].post(f"{PATH}/{job_id}/{what}")
        assert (answer.status, answer.body["success"], answer.headers["ETag"]) == (200, True, f'"v{n + 2}"')
        statuses.append((answer.data["status"], answer.data["reason"]))
    assert statuses == [
        ("PAUSED", None),
        ("PENDING", "scheduled"),
        ("PENDING", "ready"),
        ("CANCELLED", None),
        ("PENDING", "ready"),
    ]


async def test_the_history_says_who_did_what_and_why(mine: Somebody) -> None:
    job_id = await a_job(mine)
    await mine.api.post(f"{PATH}/{job_id}/pause", {"reason": "月末结账"})
    await mine.api.post(f"{PATH}/{job_id}/resume", None, X_Reason="done")
    await operate(mine.api, job_id, "reprioritise", priority=0, reason="first")
    await operate(mine.api, job_id, "reschedule", runAt="2099-01-01T00:00:00Z")
    await mine.api.put(f"{PATH}/{job_id}/status", {"status": "CANCELLED"})
    await operate(mine.api, job_id, "retry", config={"a": 1})
    items = (await mine.api.get(f"{PATH}/{job_id}/history")).data["items"]
    done = [(item["event"], item["reason"], item["details"]) for item in items if item["by"]]
    assert done[:3] == [
        ("pause", "月末结账", {}),
        ("resume", "done", {}),
        ("reprioritise", "first", {"from": 5, "to": 0}),
    ]
    assert done[3][2]["to"] == "2099-01-01T00:00:00.000Z"
    assert done[4:] == [("cancel", None, {}), ("retry", None, {"hasNewConfig": True})]
    assert items[0]["event"] == "created"
    [who] = {(item["by"]["kind"], item["by"]["id"]) for item in items if item["by"]}
    assert who == ("user", mine.id)


async def test_the_unit_of_a_cancelled_job_is_told_with_its_beat(board: Board, mine: Somebody) -> None:
    unit = Unit(mine.api)
    await unit.register()
    await submitted(mine.api, unit.task_type)
    [job] = await unit.claim(wait_s=5)
    cancelled = await Api(board.other.http, mine.api.token).post(f"{PATH}/{job['taskId']}/cancel")
    assert cancelled.data["status"] == "CANCELLED"
    assert (await unit.beat(1))["cancel"] == [job["taskId"]]
    assert await unit.report(job, "complete") == {"status": 409, "errorCode": "stale_attempt"}
    shown = (await mine.api.get(f"{PATH}/{job['taskId']}")).data
    assert [(attempt["attempt"], attempt["outcome"]) for attempt in shown["attempts"]] == [(1, "cancelled")]
    items = (await mine.api.get(f"{PATH}/{job['taskId']}/history")).data["items"]
    assert [item["event"] for item in items] == ["created", "started", "cancel", "ended", "completed"]


async def test_every_attempt_of_a_job_that_was_completed_twice_is_shown(mine: Somebody) -> None:
    unit = Unit(mine.api)
    await unit.register()
    job_id = (await submitted(mine.api, unit.task_type))["id"]
    for _ in range(2):
        [job] = await unit.claim(wait_s=5)
        assert await unit.report(job, "complete") == {"status": 200}
        shown = (await mine.api.get(f"{PATH}/{job_id}")).data
        assert {attempt["outcome"] for attempt in shown["attempts"]} == {"completed"}
        assert (await mine.api.post(f"{PATH}/{job_id}/retry")).data["status"] == "PENDING"
    await mine.api.post(f"{PATH}/{job_id}/cancel")
    shown = (await mine.api.get(f"{PATH}/{job_id}")).data
    assert [(attempt["attempt"], attempt["outcome"]) for attempt in shown["attempts"]] == [
        *((1, "completed"), (2, "completed"))
    ]


async def test_what_is_not_possible_is_refused_with_what_is(mine: Somebody) -> None:
    job_id = await a_job(mine)
    answer = await mine.api.post(f"{PATH}/{job_id}/resume", None, Accept_Language="zh-CN")
    assert answer.refusal == (409, "wrong_state")
    assert answer.body["message"] == "任务当前状态不允许此操作"
    assert answer.body["current"]["id"] == job_id
    assert answer.body["possible"] == ["cancel", "pause", "reprioritise", "reschedule", "start"]
    taken = await mine.api.put(f"{PATH}/{job_id}/status", {"status": "COMPLETED"})
    assert taken.refusal == (409, "wrong_state")


async def test_a_stale_version_is_refused_wherever_it_stands(mine: Somebody) -> None:
    job_id = await a_job(mine)
    await mine.api.post(f"{PATH}/{job_id}/pause")
    for path, body in (("resume", {"version": 1}), ("resume?version=1", None)):
        stale = await mine.api.post(f"{PATH}/{job_id}/{path}", body)
        assert (stale.refusal, stale.body["current"]["version"]) == ((409, "version_conflict"), 2)
    stale = await mine.api.post(f"{PATH}/{job_id}/resume", None, If_Match='"v1"')
    assert stale.refusal == (412, "precondition_failed")
    assert (await mine.api.post(f"{PATH}/{job_id}/resume", {"version": 2}, If_Match='"v2"')).status == 200


async def test_the_same_key_does_it_once(mine: Somebody) -> None:
    job_id, key = await a_job(mine), uuid.uuid4().hex
    first = await mine.api.post(f"{PATH}/{job_id}/cancel", None, Idempotency_Key=key)
    await mine.api.post(f"{PATH}/{job_id}/retry")
    again = await mine.api.post(f"{PATH}/{job_id}/cancel", None, Idempotency_Key=key)
    assert (again.status, again.data, again.headers["Idempotency-Replayed"]) == (200, first.data, "true")
    assert (await mine.api.get(f"{PATH}/{job_id}")).data["status"] == "PENDING"


@pytest.mark.parametrize(
    "body",
    [
        {"operation": "explode"},
        {"operation": "pause", "priority": 1},
        {"operation": "retry", "runAt": "2099-01-01T00:00:00Z"},
        {"operation": "reprioritise"},
        {"operation": "reprioritise", "priority": 10},
        {"operation": "reschedule"},
        {"operation": "reschedule", "delayMs": 1, "runAt": "2099-01-01T00:00:00Z"},
        {"operation": "cancel", "reason": "x" * 501},
    ],
)
async def test_an_operation_takes_what_it_takes(mine: Somebody, body: dict[str, Any]) -> None:
    job_id = await a_job(mine)
    answer = await mine.api.post(f"{PATH}/{job_id}/operations", body)
    assert answer.refusal == (422, "validation_failed")
    assert (await mine.api.get(f"{PATH}/{job_id}")).data["version"] == 1


@pytest.mark.parametrize("body", [{"status": "DONE"}, {}, {"status": "PAUSED", "result": 1}])
async def test_a_status_is_one_of_six(mine: Somebody, body: dict[str, Any]) -> None:
    answer = await mine.api.put(f"{PATH}/{await a_job(mine)}/status", body)
    assert answer.refusal == (422, "validation_failed")


async def test_a_program_runs_a_job_by_hand_and_no_unit_is_called_so(board: Board, mine: Somebody) -> None:
    program = await Organisation(board.admin).program(mine.department_id, RIGHTS)
    job_id = await a_job(mine)
    begun = await program.api.put(f"{PATH}/{job_id}/status", {"status": "RUNNING"})
    assert begun.data["executionUnitId"] == f"manual:application-{program.id}"
    done = await program.api.put(f"{PATH}/{job_id}/status", {"status": "COMPLETED", "result": [1]})
    assert (done.data["status"], done.data["result"]) == ("COMPLETED", [1])
    named = {"id": f"manual:{mine.id}", "unitType": "T", "unitName": "somebody", "capacity": 1}
    answer = await mine.api.post("/api/v1/execution-units/register", named)
    assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), ["id"])


async def test_who_sees_a_job_and_may_not_change_it_is_forbidden_to(board: Board, mine: Somebody) -> None:
    onlooker = await Organisation(board.admin).somebody(mine.department_id, [Permission.TASK_VIEW])
    job_id = await a_job(mine)
    assert (await onlooker.api.get(f"{PATH}/{job_id}")).status == 200
    assert (await onlooker.api.post(f"{PATH}/{job_id}/cancel")).refusal == (403, "forbidden")


async def test_nobody_operates_on_a_job_of_another_department(board: Board, mine: Somebody) -> None:
    organisation = Organisation(board.admin)
    other = await organisation.somebody(await organisation.department(), RIGHTS)
    job_id = await a_job(mine)
    for method, path, body in (("POST", "cancel", None), ("PUT", "status", {"status": "PAUSED"})):
        assert (await other.api(method, f"{PATH}/{job_id}/{path}", body)).refusal == (404, "not_found")
    assert (await mine.api.get(f"{PATH}/{job_id}")).data["version"] == 1


async def test_who_is_above_a_department_operates_on_its_jobs(board: Board, mine: Somebody) -> None:
    job_id = await a_job(mine)
    assert (await board.admin.post(f"{PATH}/{job_id}/cancel")).data["status"] == "CANCELLED"
