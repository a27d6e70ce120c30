"""Who leads when two machines want to: the beat decides, watched on one clock; host names tell the machines apart."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from queue_service.service import QueueService
from queue_service.writer.fence import LEASE_S, AnotherLeader
from tests.support.clocks import MovableClock, SteppingClock
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.leading import leading, vanish
from tests.support.writer import create_task, register, settings_for

pytestmark = pytest.mark.only_on("mysql")

On = Callable[[str], None]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> On:
    """From now on, a service that starts believes itself on the machine of this name."""
    monkeypatch.setattr("queue_service.loops.beat.BEAT_S", 0.02)
    return lambda name: monkeypatch.setattr("socket.gethostname", lambda: name)


def nothing_happens() -> Awaitable[None]:
    return asyncio.sleep(0)


def next_beat_of(leader: QueueService) -> Callable[[], Awaitable[None]]:
    """Waits until the leader's beat, begun after the call, is in the database."""

    async def wait() -> None:
        seen = leader.loops.runs["beat"]
        await eventually(lambda: leader.loops.runs["beat"] >= seen + 2, every_s=0.005, what="the next beat")

    return wait


def starter(database: Database, data_dir: Path, clock: SteppingClock) -> QueueService:
    return QueueService(settings_for(database, data_dir), clock, on_deposed=lambda: None)


A_DAY = timedelta(days=1)


async def a_leader_that_vanished(database: Database, tmp_path: Path) -> None:
    """One led, and died without giving the lead back."""
    leader = QueueService(settings_for(database, tmp_path), MovableClock(), on_deposed=lambda: None)
    await leader.start()
    await vanish(leader)


@pytest.mark.parametrize(
    ("leader_ahead", "starter_ahead"),
    [
        (timedelta(), timedelta()),
        (timedelta(), timedelta(seconds=-6)),
        (timedelta(), A_DAY),
        (A_DAY, timedelta()),
        (-A_DAY, timedelta()),
    ],
)
async def test_a_second_service_of_the_same_address_on_another_machine_is_refused_whatever_the_wall_clocks_say(
    database: Database, tmp_path: Path, on: On, leader_ahead: timedelta, starter_ahead: timedelta
) -> None:
    on("one")
    async with leading(settings_for(database, tmp_path), MovableClock(wall_ahead=leader_ahead)) as leader:
        admin = await register(leader)
        on("two")
        clock = SteppingClock(next_beat_of(leader), wall_ahead=starter_ahead)
        with pytest.raises(AnotherLeader, match=r"one/127\.0\.0\.1:4000 leads this database"):
            await starter(database, tmp_path, clock).start()
        await create_task(leader, admin, "it goes on")
        assert database.rows("SELECT epoch FROM leader") == [(1,)]


async def test_a_leader_whose_beat_stood_still_for_the_lease_is_taken_over_from(
    database: Database, tmp_path: Path, on: On
) -> None:
    on("one")
    await a_leader_that_vanished(database, tmp_path)
    on("two")
    # a day behind the leader's last beat: by the wall clocks the lease would never end
    clock = SteppingClock(nothing_happens, wall_ahead=-A_DAY)
    second = starter(database, tmp_path, clock)
    await second.start()
    clock.step_no_more()
    assert LEASE_S <= clock.slept_s < LEASE_S + 1
    assert second.status()["epoch"] == 2
    await register(second)
    await second.stop()


async def test_a_leader_that_comes_back_during_the_lease_is_respected(
    database: Database, tmp_path: Path, on: On
) -> None:
    on("one")
    await a_leader_that_vanished(database, tmp_path)
    again: list[QueueService] = []

    async def it_restarts_after_four_seconds() -> None:
        if clock.slept_s >= LEASE_S - 1 and not again:
            on("one")
            again.append(QueueService(settings_for(database, tmp_path), MovableClock(), on_deposed=lambda: None))
            await again[0].start()

    on("two")
    clock = SteppingClock(it_restarts_after_four_seconds)
    with pytest.raises(AnotherLeader):
        await starter(database, tmp_path, clock).start()
    assert database.rows("SELECT epoch FROM leader") == [(2,)]
    await again[0].stop()


@pytest.mark.parametrize("host", ["one", "two"])
async def test_after_a_stop_in_order_nobody_waits_for_the_lease(
    database: Database, tmp_path: Path, on: On, host: str
) -> None:
    on("one")
    async with leading(settings_for(database, tmp_path)):
        pass
    on(host)
    clock = SteppingClock(nothing_happens)
    second = starter(database, tmp_path, clock)
    await second.start()
    clock.step_no_more()
    assert (clock.slept_s, second.status()["epoch"]) == (0, 2)
    await second.stop()


async def test_a_dead_leader_at_ones_own_address_is_not_waited_for(database: Database, tmp_path: Path, on: On) -> None:
    on("one")
    await a_leader_that_vanished(database, tmp_path)
    clock = SteppingClock(nothing_happens)
    second = starter(database, tmp_path, clock)
    await second.start()
    clock.step_no_more()
    assert (clock.slept_s, second.status()["epoch"]) == (0, 2)
    await second.stop()
