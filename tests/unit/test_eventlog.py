"""The event stream: in order, without holes, and honest about gaps."""

import asyncio
from collections.abc import AsyncIterator

from queue_service.writer.eventlog import EventLog, Reservation
from shared.events import KEPT, Gap
from shared.position import Position


def log_of(epoch: int = 3) -> EventLog:
    log = EventLog(epoch)
    log.load([])
    return log


async def take(log: EventLog, since: Position | None, count: int) -> list[Position | str]:
    """The next `count` things a follower sees: positions, or 'gap'."""
    seen: list[Position | str] = []
    async for item in log.follow(since, beat_s=5):
        seen.append("gap" if isinstance(item, Gap) else item[0] if item else "beat")
        if len(seen) == count:
            break
    return seen


def committed(log: EventLog, *bodies: str) -> Reservation:
    reservation = log.reserve(bodies)
    log.settle(reservation, happened=True)
    return reservation


async def test_a_later_batch_is_not_shown_before_an_earlier_one_is_settled() -> None:
    log = log_of()
    early, late = log.reserve(["a", "b"]), log.reserve(["c"])
    log.settle(late, happened=True)
    assert log.position == (3, 0)
    log.settle(early, happened=True)
    assert await take(log, (3, 0), 3) == [(3, 1), (3, 2), (3, 3)]


async def test_a_batch_that_was_rolled_back_is_passed_over() -> None:
    log = log_of()
    lost, kept = log.reserve(["a"]), log.reserve(["b"])
    log.settle(kept, happened=True)
    log.settle(lost, happened=False)
    assert await take(log, (3, 0), 1) == [(3, 2)]


async def test_a_follower_waits_for_news_and_hears_a_beat_meanwhile() -> None:
    log = log_of()
    stream: AsyncIterator[object] = log.follow(None, beat_s=0.01)
    assert await anext(stream) is None
    committed(log, "a")
    assert await anext(stream) == ((3, 1), "a")


async def test_a_follower_that_comes_back_after_a_restart_misses_nothing() -> None:
    before = log_of(epoch=3)
    committed(before, "a", "b", "c")
    after = EventLog(4)
    after.load([((3, 1), "a"), ((3, 2), "b"), ((3, 3), "c")])
    committed(after, "d")
    assert await take(after, (3, 2), 2) == [(3, 3), (4, 1)]


async def test_a_follower_of_what_is_no_longer_kept_is_told_of_the_gap_and_goes_on_from_now() -> None:
    log = log_of()
    committed(log, *(str(i) for i in range(KEPT + 5)))
    seen = take(log, (3, 2), 2)
    task = asyncio.ensure_future(seen)
    await asyncio.sleep(0)
    committed(log, "new")
    assert await task == ["gap", (3, KEPT + 6)]


async def test_positions_of_another_database_are_a_gap() -> None:
    log = log_of()
    committed(log, "a")
    assert await take(log, (99, 7), 1) == ["gap"]


async def test_closing_ends_every_stream() -> None:
    log = log_of()
    following = asyncio.ensure_future(take(log, None, 1))
    await asyncio.sleep(0)
    log.close()
    assert await asyncio.wait_for(following, 1) == []
