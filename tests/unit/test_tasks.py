"""Tasks are ended, also those whose cancellation got lost."""

import asyncio

import pytest

from shared import tasks


async def test_who_loses_a_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_AFTER_S", 0.01)
    lost: list[str] = []

    async def deaf() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append("one")

    async def broken() -> None:
        raise ValueError

    running = [asyncio.create_task(work()) for work in (deaf, broken)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.end(*running)
    assert [task.cancelled() for task in running] == [True, False]
    assert lost == ["one"]
    await tasks.end(*running)
