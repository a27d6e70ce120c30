"""Rows that another session holds: who waits for them, for how long, and who does not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from queue_service.domain.command import Answer
from queue_service.service import QueueService
from shared.errors import DatabaseUnavailable
from tests.support.databases import Database
from tests.support.deadlines import shorten_lock_waits
from tests.support.leading import leading
from tests.support.locks import holding
from tests.support.writer import command, create_task, register, settings_for

pytestmark = pytest.mark.only_on("mysql")

LOCK_WAIT_S = 1.0


@pytest.fixture(autouse=True)
def _short_lock_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_lock_waits(monkeypatch)


async def ten_of_one_lane(service: QueueService, actor: int) -> list[int]:
    """Ten tasks that are written by the same lane."""
    tasks = [await create_task(service, actor) for _ in range(20)]
    return [task["id"] for task in tasks if task["id"] % 2 == 0]


async def timed(service: QueueService, task_ids: list[int], actor: int) -> list[tuple[Any, float]]:
    """Update all in one batch: each one's outcome, and after how many seconds it came."""
    loop = asyncio.get_running_loop()
    started = loop.time()

    async def one(task_id: int) -> tuple[Any, float]:
        update = command("update-task", {"taskId": task_id, "updates": {"status": "done"}}, actor=actor)
        [outcome] = await asyncio.gather(service.intake.submit(update), return_exceptions=True)
        return outcome, loop.time() - started

    return await asyncio.gather(*(one(task_id) for task_id in task_ids))


async def test_eight_of_ten_are_written_after_one_lock_wait_when_two_rows_are_held(
    database: Database, tmp_path: Path
) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        admin = await register(service)
        ids = await ten_of_one_lane(service, admin)
        held = {ids[2], ids[7]}
        async with holding(database, "SELECT id FROM task_table WHERE id IN (%s, %s) FOR UPDATE", *held):
            answers = dict(zip(ids, await timed(service, ids, admin), strict=True))
        assert all(isinstance(answers[i][0], Answer) for i in ids if i not in held), answers
        assert [type(answers[i][0]) for i in held] == [DatabaseUnavailable] * 2
        assert [answers[i][0].outcome for i in held] == ["not_applied"] * 2
        # one wait for the first held row and none after it: nothing but the held rows stood in the way
        assert service.status()["splits"] == 1
        assert max(seconds for _, seconds in answers.values()) < 3 * LOCK_WAIT_S
        assert database.rows("SELECT COUNT(*) FROM task_table WHERE status = 'done'") == [(8,)]
        again = await timed(service, sorted(held), admin)
        assert all(isinstance(answer, Answer) for answer, _ in again)


async def test_a_lone_write_of_a_held_row_gives_up_after_one_lock_wait(database: Database, tmp_path: Path) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        admin = await register(service)
        task = await create_task(service, admin)
        async with holding(database, "SELECT id FROM task_table WHERE id = %s FOR UPDATE", task["id"]):
            [(answer, seconds)] = await timed(service, [task["id"]], admin)
        assert (type(answer), answer.outcome) == (DatabaseUnavailable, "not_applied")
        assert (service.status()["replays"], seconds < 2 * LOCK_WAIT_S) == (0, True)
        [(again, _)] = await timed(service, [task["id"]], admin)
        assert isinstance(again, Answer)


async def test_a_row_that_is_let_go_in_time_costs_nobody_an_error(database: Database, tmp_path: Path) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        admin = await register(service)
        ids = await ten_of_one_lane(service, admin)
        async with holding(database, "SELECT id FROM task_table WHERE id = %s FOR UPDATE", ids[0]):
            writing = asyncio.ensure_future(timed(service, ids, admin))
            await asyncio.sleep(0)
        assert all(isinstance(answer, Answer) for answer, _ in await writing)


async def test_a_held_epoch_row_is_a_503_for_the_whole_batch_without_taking_it_apart(
    database: Database, tmp_path: Path
) -> None:
    async with leading(settings_for(database, tmp_path, queue_max_retries=1)) as service:
        admin = await register(service)
        ids = await ten_of_one_lane(service, admin)
        async with holding(database, "SELECT epoch FROM leader FOR UPDATE"):
            answers = await timed(service, ids, admin)
        assert [type(answer) for answer, _ in answers] == [DatabaseUnavailable] * 10
        assert {answer.outcome for answer, _ in answers} == {"not_applied"}
        # two tries of one wait each for all ten, not for each
        assert max(seconds for _, seconds in answers) < 4 * LOCK_WAIT_S
        status = service.status()
        assert (status["replays"], status["splits"]) == (1, 0)
        assert all(isinstance(answer, Answer) for answer, _ in await timed(service, ids, admin))
