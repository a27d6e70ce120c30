"""Lanes and intake: when a batch is cut, how much is held, what happens at the end."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from queue_service.domain.command import Answer
from queue_service.service import QueueService
from queue_service.store.session import Session
from queue_service.writer.intake import Intake, IntakeLimits
from queue_service.writer.lane import FlushPolicy, Lane
from queue_service.writer.pending import Pending
from shared.clock import SystemClock
from shared.db.database import writer_engine
from shared.errors import QueueFull, ShuttingDown
from tests.support.databases import Database
from tests.support.preparing import NothingToAdd
from tests.support.writer import command, register, settings_for


class Recorder:
    """Takes the place of the batch writer: notes each batch, and holds it until told."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.cut_at: list[float] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def write(self, _session: Session, batch: Sequence[Pending]) -> bool:
        self.batches.append([pending.command.data.model_dump()["title"] for pending in batch])
        self.cut_at.append(asyncio.get_running_loop().time())
        await self.may_go_on.wait()
        for pending in batch:
            pending.resolve(Answer(201, None))
        return True


def intake_over(recorder: Recorder, policy: FlushPolicy, limits: IntakeLimits | None = None) -> tuple[Intake, Any]:
    session = Session(writer_engine("sqlite:///unused"))
    lane = Lane("board", session=session, write=recorder.write, policy=policy)
    return Intake({"board": [lane]}, limits or IntakeLimits(), NothingToAdd()), asyncio.create_task(lane.run())


def create(title: str, key: str | None = None) -> Any:
    return command("create-task", {"title": title, "createdByUserId": 1}, key=key)


async def test_adaptive_writes_a_lone_command_at_once_and_fills_the_next_batch_meanwhile() -> None:
    recorder = Recorder()
    intake, running = intake_over(recorder, FlushPolicy(size=10, interval_s=60))
    recorder.may_go_on.clear()
    first = asyncio.ensure_future(intake.submit(create("0")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert recorder.batches == [["0"]]
    rest = [asyncio.ensure_future(intake.submit(create(str(i)))) for i in range(1, 16)]
    await asyncio.sleep(0)
    recorder.may_go_on.set()
    await asyncio.gather(first, *rest)
    assert [len(batch) for batch in recorder.batches] == [1, 10, 5]
    assert [title for batch in recorder.batches for title in batch] == [str(i) for i in range(16)]
    running.cancel()


async def test_interval_waits_for_the_timer_when_the_batch_does_not_fill() -> None:
    recorder = Recorder()
    intake, running = intake_over(recorder, FlushPolicy(size=10, interval_s=0.1, mode="interval"))
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(intake.submit(create(str(i))) for i in range(3)))
    assert [len(batch) for batch in recorder.batches] == [3]
    assert recorder.cut_at[0] - started >= 0.09
    running.cancel()


async def test_interval_does_not_wait_when_the_batch_is_full() -> None:
    recorder = Recorder()
    intake, running = intake_over(recorder, FlushPolicy(size=10, interval_s=30, mode="interval"))
    await asyncio.wait_for(asyncio.gather(*(intake.submit(create(str(i))) for i in range(20))), 5)
    assert [len(batch) for batch in recorder.batches] == [10, 10]
    running.cancel()


@pytest.mark.parametrize("limits", [IntakeLimits(commands=3), IntakeLimits(bytes=300)])
async def test_past_its_limit_the_intake_refuses_at_once_and_takes_again_when_there_is_room(
    limits: IntakeLimits,
) -> None:
    recorder = Recorder()
    intake, running = intake_over(recorder, FlushPolicy(size=1), limits)
    recorder.may_go_on.clear()
    accepted = [asyncio.ensure_future(intake.submit(create(str(i)))) for i in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull) as refused:
        await asyncio.wait_for(intake.submit(create("one too many")), 5)
    assert refused.value.retry_after_s == 1
    recorder.may_go_on.set()
    await asyncio.gather(*accepted)
    await intake.submit(create("room again"))
    assert intake.length == 0
    running.cancel()


async def test_a_caller_that_hangs_up_leaves_its_command_running() -> None:
    recorder = Recorder()
    intake, running = intake_over(recorder, FlushPolicy(size=1))
    recorder.may_go_on.clear()
    first = asyncio.ensure_future(intake.submit(create("0", key="k")))
    await asyncio.sleep(0)
    first.cancel()
    second = asyncio.ensure_future(intake.submit(create("0", key="k")))
    await asyncio.sleep(0)
    recorder.may_go_on.set()
    assert (await second).status == 201
    assert recorder.batches == [["0"]]
    running.cancel()


async def test_a_stop_commits_what_was_accepted_and_refuses_the_rest(database: Database, tmp_path: Path) -> None:
    service = QueueService(settings_for(database, tmp_path), SystemClock(), on_deposed=lambda: None)
    await service.start()
    admin = await register(service)
    accepted = [
        asyncio.ensure_future(service.intake.submit(command("create-task", {"title": f"t{i}"}, actor=admin)))
        for i in range(50)
    ]
    await asyncio.sleep(0)
    stopping = asyncio.ensure_future(service.stop())
    await asyncio.sleep(0)
    with pytest.raises(ShuttingDown):
        await service.intake.submit(command("create-task", {"title": "too late"}, actor=admin))
    await stopping
    answers = await asyncio.wait_for(asyncio.gather(*accepted), 5)
    assert [answer.status for answer in answers] == [201] * 50
    assert database.rows("SELECT COUNT(*) FROM task_table") == [(50,)]
