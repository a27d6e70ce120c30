"""`GET /api/v1/tasks/{id}/why`: each reason is brought about, read, and removed, and then the job runs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest

from api_node.job_why import Reason
from shared.permissions import Permission
from tests.contract.conftest import Board
from tests.support.api import Api
from tests.support.eventually import eventually
from tests.support.organisation import Organisation, Somebody
from tests.support.unit import Unit, submitted

RIGHTS = tuple(Permission(f"task:{what}") for what in ("create", "view", "update"))
RIGHTS += (Permission.UNIT_MANAGE, Permission.QUEUE_MANAGE)
QUEUE = "/api/v1/queues/default"
PATH = "/api/v1/tasks"


@dataclass(slots=True)
class Scene:
    """Somebody, a unit of theirs that is not registered yet, and the job it is about."""

    me: Somebody
    unit: Unit
    job_id: int = 0
    held: list[dict[str, Any]] = field(default_factory=list)

    @property
    def api(self) -> Api:
        return self.me.api

    async def submit(self, **members: Any) -> int:
        return int((await submitted(self.api, self.unit.task_type, **members))["id"])

    async def its_job(self, **members: Any) -> None:
        self.job_id = await self.submit(**members)

    async def claim(self, most: int = 1) -> None:
        self.held += await self.unit.claim(most, wait_s=5)

    async def why(self, **headers: str) -> dict[str, Any]:
        answer = await self.api.get(f"{PATH}/{self.job_id}/why", **headers)
        assert answer.status == 200, answer
        told: dict[str, Any] = answer.data
        return told

    async def do(self, what: str, **body: Any) -> None:
        assert (await self.api.post(f"{PATH}/{self.job_id}/{what}", body)).status == 200

    async def end(self, kind: str = "complete", **members: Any) -> None:
        assert await self.unit.report(self.held.pop(), kind, **members) == {"status": 200}


@pytest.fixture
async def scene(board: Board) -> Scene:
    organisation = Organisation(board.admin)
    me = await organisation.somebody(await organisation.department(), RIGHTS)
    return Scene(me, Unit(me.api))


async def waits(scene: Scene, **members: Any) -> None:
    await scene.unit.register()
    await scene.its_job(**members)


async def runs(scene: Scene, **members: Any) -> None:
    await waits(scene, **members)
    await scene.claim()


async def no_unit(scene: Scene) -> None:
    await scene.its_job()


async def is_taken_out(scene: Scene) -> None:
    await waits(scene)
    await scene.unit.ask("offline")


async def is_full(scene: Scene) -> None:
    await scene.unit.register(capacity=1)
    for _ in range(2):
        await scene.submit()
    await scene.claim(2)
    await scene.its_job()


async def is_behind(scene: Scene) -> None:
    await scene.unit.register()
    await scene.submit()
    await scene.its_job()


async def is_run_by_hand(scene: Scene) -> None:
    await waits(scene)
    assert (await scene.api.put(f"{PATH}/{scene.job_id}/status", {"status": "RUNNING"})).status == 200


async def is_paused(scene: Scene) -> None:
    await waits(scene)
    await scene.do("pause", reason="月末结账")


async def is_cancelled(scene: Scene) -> None:
    await waits(scene)
    await scene.do("cancel")


async def is_retried_later(scene: Scene) -> None:
    await runs(scene)
    await scene.end("fail", error={"message": "no route"}, retryInMs=3_600_000)


async def is_snoozed(scene: Scene) -> None:
    await runs(scene)
    await scene.end("snooze", delayMs=3_600_000)


async def is_completed(scene: Scene) -> None:
    await runs(scene)
    await scene.end()


async def has_failed_for_good(scene: Scene) -> None:
    await runs(scene)
    await scene.end("fail", error={"message": "no such table"}, retryable=False)


async def has_failed_often(scene: Scene) -> None:
    await runs(scene, maxAttempts=1)
    await scene.end("fail", error={"message": "no route"})


async def has_crashed_often(scene: Scene) -> None:
    await scene.its_job()
    for n in range(4):
        await scene.unit.register(bootNonce=f"n{n}")
        await scene.claim()
    await scene.unit.register(bootNonce="last")


async def is_lost_and_runs_once(scene: Scene) -> None:
    await runs(scene, atMostOnce=True)
    await scene.unit.register(bootNonce="another")


async def queue_is_paused(scene: Scene) -> None:
    await waits(scene)
    assert (await scene.api.post(f"{QUEUE}/pause", {"reason": "月末结账"})).status == 200


async def queue_is_full(scene: Scene) -> None:
    await runs(scene)
    await scene.its_job()
    assert (await scene.api.put(QUEUE, {"concurrency": 1})).status == 200


async def queue_is_too_fast(scene: Scene) -> None:
    assert (await scene.api.put(QUEUE, {"starts": {"most": 1, "perMs": 3_600_000}})).status == 200
    await runs(scene)
    await scene.its_job()


async def by_resuming_the_queue(scene: Scene) -> None:
    assert (await scene.api.post(f"{QUEUE}/resume")).status == 200


async def by_lifting_the_limit(scene: Scene) -> None:
    assert (await scene.api.put(QUEUE, {})).status == 200


async def by_start(scene: Scene) -> None:
    await scene.do("start")


async def by_retry(scene: Scene) -> None:
    await scene.do("retry")


async def by_resume(scene: Scene) -> None:
    await scene.do("resume")


async def by_a_unit(scene: Scene) -> None:
    await scene.unit.register()


async def by_letting_it_in(scene: Scene) -> None:
    await scene.unit.ask("online")


async def by_room(scene: Scene) -> None:
    await scene.end()


async def by_handing_it_back(scene: Scene) -> None:
    assert (await scene.api.put(f"{PATH}/{scene.job_id}/status", {"status": "PENDING"})).status == 200


async def by_release(scene: Scene) -> None:
    await scene.end("release")


async def by_the_other_being_given(scene: Scene) -> None:
    await scene.claim()


async def by_itself(scene: Scene) -> None:
    pass


async def expires(scene: Scene) -> None:
    await waits(scene, expiresAt="2020-01-01T00:00:00Z")


async def has_a_deadline(scene: Scene) -> None:
    await runs(scene, deadlineS=1, timeoutS=60)


Step = Callable[[Scene], Awaitable[None]]
OF_A_QUEUE = {"queue_paused", "queue_full", "rate_limited"}
WAITING_FOR_UNITS = OF_A_QUEUE | {"no_unit", "no_unit_online", "units_busy", "behind_others", "not_claimed"}
SITUATIONS: dict[str, tuple[Step, str, Step]] = {
    "scheduled": (lambda scene: waits(scene, delayMs=3_600_000), "It waits for its time", by_start),
    "retry_wait": (is_retried_later, "Attempt 1 failed", by_start),
    "snoozed": (is_snoozed, "Its unit asked for a delay", by_start),
    "no_unit": (no_unit, "No unit of its department is registered", by_a_unit),
    "no_unit_online": (is_taken_out, ": 1 registered, 0 of them draining", by_letting_it_in),
    "queue_paused": (queue_is_paused, ": 月末结账", by_resuming_the_queue),
    "queue_full": (queue_is_full, "runs at most 1 at once", by_room),
    "rate_limited": (queue_is_too_fast, "begins at most 1 in any 3600000 ms", by_lifting_the_limit),
    "units_busy": (is_full, "Every unit online", by_room),
    "behind_others": (is_behind, "Jobs before it: 1", by_the_other_being_given),
    "not_claimed": (waits, "none of them asks", by_itself),
    "running": (runs, "Unit ", by_release),
    "run_by_hand": (is_run_by_hand, "has been running it themselves", by_handing_it_back),
    "paused": (is_paused, ": 月末结账", by_resume),
    "cancelled": (is_cancelled, "cancelled it at", by_retry),
    "completed": (is_completed, "It was completed at", by_retry),
    "not_retryable": (has_failed_for_good, "It failed for good: no such table", by_retry),
    "attempts_spent": (has_failed_often, "as often as it may (1); the last time: no route", by_retry),
    "quarantined": (has_crashed_often, "as often as they may (4)", by_retry),
    "outcome_unknown": (is_lost_and_runs_once, "its attempt was lost with its unit", by_retry),
    "expired": (expires, "No unit had begun it", by_retry),
    "deadline_exceeded": (has_a_deadline, "Its deadline is over", by_retry),
}
# `next` lasts for a moment; the queue service is away in tests/acceptance/test_outages.py
ELSEWHERE = {"next", "queue_unreachable"}


@pytest.mark.parametrize("reason", SITUATIONS)
async def test_a_reason_is_told_and_with_it_removed_the_job_runs(scene: Scene, reason: str) -> None:
    bring_about, words, remove = SITUATIONS[reason]
    await bring_about(scene)
    told = await until(scene, reason)
    assert words in told["message"]
    assert (await scene.why(Accept_Language="zh-CN"))["message"] != told["message"]
    assert (told["units"] is not None) == (told["ahead"] is not None) == (reason in WAITING_FOR_UNITS)
    if reason in ("paused", "cancelled", "run_by_hand", "queue_paused"):
        assert (told["by"]["id"], told["since"] is not None) == (scene.me.id, True)
    await remove(scene)
    given = await scene.unit.claim(5, wait_s=5)
    assert scene.job_id in [job["taskId"] for job in given]


async def until(scene: Scene, reason: str) -> dict[str, Any]:
    """What is told once it is this; what time brings about comes with a tick."""
    told: dict[str, Any] = {}

    async def is_told() -> bool:
        nonlocal told
        told = await scene.why(Accept_Language="en")
        return bool(told["reason"] == reason)

    await eventually(is_told, within_s=10, what=f"being told {reason}")
    return told


def test_no_reason_was_forgotten_above() -> None:
    assert SITUATIONS.keys() | ELSEWHERE == set(get_args(Reason))


async def test_the_next_one_is_given_as_soon_as_somebody_asks(scene: Scene) -> None:
    await waits(scene, delayMs=3_600_000)
    claim = asyncio.ensure_future(scene.unit.claim(wait_s=20))
    await scene.do("start")
    assert [job["taskId"] for job in await claim] == [scene.job_id]
    assert (await scene.why())["reason"] == "running"
