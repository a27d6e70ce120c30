"""`/api/v1/queues`: limits, pauses and numbers of queues, by both nodes."""

import uuid
from typing import Any

import pytest

from shared.permissions import Permission
from tests.contract.conftest import Board
from tests.support.api import Api
from tests.support.organisation import Organisation, Somebody
from tests.support.unit import Unit, submitted

RIGHTS = (Permission.TASK_CREATE, Permission.TASK_VIEW, Permission.UNIT_MANAGE, Permission.QUEUE_MANAGE)
PATH = "/api/v1/queues"


@pytest.fixture
async def mine(board: Board) -> Somebody:
    """Somebody of a department in which nothing is yet."""
    organisation = Organisation(board.admin)
    return await organisation.somebody(await organisation.department(), RIGHTS)


async def queue(api: Api, name: str = "reports", query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"{PATH}/{name}{query}")).data
    return found


async def test_a_queue_is_there_whether_somebody_set_it_up_or_not(board: Board, mine: Somebody) -> None:
    shown = await queue(mine.api)
    assert (
        shown.items()
        >= {
            "name": "reports",
            "departmentId": mine.department_id,
            "concurrency": None,
            "starts": None,
            "isPaused": False,
            "version": 0,
            "oldestReadyAt": None,
            "drainS": 0.0,
        }.items()
    )
    assert shown["jobs"] == dict.fromkeys(("PENDING", "RUNNING", "PAUSED", "COMPLETED", "FAILED", "CANCELLED"), 0)
    assert (await mine.api.get(PATH)).data["items"] == []
    await submitted(mine.api, "T", queue="reports")
    page = (await Api(board.other.http, mine.api.token).get(PATH)).data
    assert (page["total"], [item["name"] for item in page["items"]]) == (1, ["reports"])


async def test_seed_002s_three_at_once_and_five_a_second(mine: Somebody) -> None:
    limits = {"concurrency": 3, "starts": {"most": 5, "perMs": 1000}}
    answer = await mine.api.put(f"{PATH}/project-initialization", limits)
    assert (answer.status, answer.headers["ETag"]) == (200, '"v1"')
    assert answer.data.items() >= limits.items()
    unit = Unit(mine.api)
    await unit.register(capacity=50)
    for _ in range(7):
        await submitted(mine.api, unit.task_type, queue="project-initialization")
    running = await unit.claim(7, wait_s=5)
    assert len(running) == 3
    shown = await queue(mine.api, "project-initialization")
    assert (shown["jobs"]["RUNNING"], shown["jobs"]["PENDING"]) == (3, 4)
    for job in running:
        assert await unit.report(job, "complete") == {"status": 200}
    given = 3
    while given < 7:
        more = await unit.claim(7, wait_s=5)
        given += len(more)
        for job in more:
            assert await unit.report(job, "complete") == {"status": 200}
    without = await mine.api.put(f"{PATH}/project-initialization", {})
    assert (without.data["concurrency"], without.data["starts"], without.data["version"]) == (None, None, 2)


async def test_a_paused_queue_says_by_whom_and_why_and_gives_nothing(board: Board, mine: Somebody) -> None:
    unit = Unit(mine.api)
    await unit.register()
    await submitted(mine.api, unit.task_type, queue="reports")
    paused = await Api(board.other.http, mine.api.token).post(f"{PATH}/reports/pause", {"reason": "月末结账"})
    assert (paused.data["isPaused"], paused.data["pauseReason"]) == (True, "月末结账")
    assert (paused.data["pausedBy"]["kind"], paused.data["pausedBy"]["id"]) == ("user", mine.id)
    assert await unit.claim() == []
    shown = await queue(mine.api)
    assert shown["oldestWaitS"] >= 0
    assert shown["drainS"] is None
    assert shown["arrivalsPerMinute"] > 0
    resumed = await mine.api.post(f"{PATH}/reports/resume")
    assert (resumed.data["isPaused"], resumed.data["pausedAt"]) == (False, None)
    assert len(await unit.claim(wait_s=5)) == 1


async def test_a_stale_version_is_refused_and_the_same_key_is_the_same_change(mine: Somebody) -> None:
    await mine.api.put(f"{PATH}/reports", {"concurrency": 3})
    key = uuid.uuid4().hex
    first = await mine.api.put(f"{PATH}/reports", {"concurrency": 4, "version": 1}, Idempotency_Key=key)
    again = await mine.api.put(f"{PATH}/reports", {"concurrency": 4, "version": 1}, Idempotency_Key=key)
    assert (first.data["version"], again.data) == (2, first.data)
    stale = await mine.api.put(f"{PATH}/reports", {"concurrency": 5, "version": 1})
    assert (stale.refusal, stale.body["current"]["concurrency"]) == ((409, "version_conflict"), 4)
    stale = await mine.api.post(f"{PATH}/reports/pause", None, If_Match='"v1"')
    assert stale.refusal == (412, "precondition_failed")


@pytest.mark.parametrize(
    "body",
    [
        {"concurrency": 0},
        {"concurrency": "3"},
        {"starts": 5},
        {"starts": {"most": 5}},
        {"starts": {"most": 5, "perMs": 3_600_001}},
        {"starts": {"most": 0, "perMs": 1}},
        {"paused": True},
    ],
)
async def test_a_limit_is_a_number(mine: Somebody, body: dict[str, Any]) -> None:
    assert (await mine.api.put(f"{PATH}/reports", body)).refusal == (422, "validation_failed")
    assert (await queue(mine.api))["version"] == 0


async def test_another_departments_queue_is_as_if_it_were_not_there(board: Board, mine: Somebody) -> None:
    organisation = Organisation(board.admin)
    below = await organisation.somebody(await organisation.department(mine.department_id), RIGHTS)
    elsewhere = await organisation.somebody(await organisation.department(), RIGHTS)
    await submitted(below.api, "T", queue="theirs")
    for who, is_seen in ((mine, True), (elsewhere, False)):
        assert ("theirs" in [item["name"] for item in (await who.api.get(PATH)).data["items"]]) == is_seen
        for method, path, body in (
            ("GET", "theirs", None),
            ("PUT", "theirs", {"concurrency": 1}),
            ("POST", "theirs/pause", None),
            ("POST", "theirs/resume", None),
        ):
            where = path.replace("theirs", "{}").format("theirs")
            answer = await who.api(method, f"{PATH}/{where}?departmentId={below.department_id}", body)
            assert answer.status == (200 if is_seen else 404), answer
    # by its name alone it is one of one's own department
    assert (await queue(mine.api, "theirs"))["departmentId"] == mine.department_id
    assert (await mine.api.get(f"{PATH}/{'x' * 101}")).refusal == (404, "not_found")


async def test_who_sees_jobs_sees_queues_and_changes_none(board: Board, mine: Somebody) -> None:
    onlooker = await Organisation(board.admin).somebody(mine.department_id, [Permission.TASK_VIEW])
    assert (await onlooker.api.get(f"{PATH}/reports")).status == 200
    for path in ("reports/pause", "reports/resume"):
        assert (await onlooker.api.post(f"{PATH}/{path}")).refusal == (403, "forbidden")


async def test_a_queue_of_many_types_says_since_when_the_oldest_waits(mine: Somebody) -> None:
    tasks = [{"name": "a job", "taskType": f"T{n}", "queue": "reports"} for n in range(60)]
    tasks.append({"name": "a job", "taskType": "last", "queue": "reports", "runAt": "2020-01-01T00:00:00Z"})
    assert (await mine.api.post("/api/v1/tasks/batch", {"tasks": tasks})).status == 200
    shown = await queue(mine.api)
    assert (shown["jobs"]["PENDING"], shown["oldestReadyAt"]) == (61, "2020-01-01T00:00:00.000Z")


async def test_numbers_are_right_whatever_becomes_of_jobs(mine: Somebody) -> None:
    unit = Unit(mine.api)
    await unit.register()
    for _ in range(5):
        await submitted(mine.api, unit.task_type, queue="reports", maxAttempts=1)
    await submitted(mine.api, "another type", queue="reports", delayMs=3_600_000)
    done, failed, held = await unit.claim(3, wait_s=5)
    await unit.report(done, "complete")
    await unit.report(failed, "fail", error={"message": "no"})
    waiting = (await mine.api.get("/api/v1/tasks?status=PENDING")).data["items"]
    assert len(waiting) == 3
    shown = (await queue(mine.api))["jobs"]
    assert shown == {"PENDING": 3, "RUNNING": 1, "PAUSED": 0, "COMPLETED": 1, "FAILED": 1, "CANCELLED": 0}
    await unit.report(held, "release")
    assert (await queue(mine.api))["jobs"]["RUNNING"] == 0
