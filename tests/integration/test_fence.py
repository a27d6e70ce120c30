"""The fence: a process whose epoch is not the database's commits nothing, however late it notices."""

import asyncio
from pathlib import Path
from socket import gethostname

import pytest

from queue_service.service import QueueService
from queue_service.store import leader as rows_of_the_leader
from queue_service.store.faults import DatabaseFault, Fault
from queue_service.writer.fence import AnotherLeader, take_leadership
from shared.clock import SystemClock
from shared.db.database import writer_engine
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.leading import vanish
from tests.support.locks import holding, is_waiting_for_a_lock
from tests.support.writer import command, create_task, register, settings_for


class Fallen(Exception):
    """Raised in place of leaving the process."""


def home(database: Database) -> str:
    """The address of a leader that these tests start."""
    return "this machine" if database.kind == "sqlite" else f"{gethostname()}/127.0.0.1:4000"


async def take_over(database: Database, address: str | None = None) -> int:
    """What a starter at the leader's own address does, or at another one."""
    engine = writer_engine(database.url)
    try:
        fence = await take_leadership(engine, holder="test", address=address or home(database), clock=SystemClock())
        return fence.epoch
    finally:
        await engine.dispose()


@pytest.fixture
async def leader(database: Database, tmp_path: Path) -> QueueService:
    """A leader that notes its fall instead of leaving this process, and is not drained: its lanes are dead by then."""
    return QueueService(settings_for(database, tmp_path), SystemClock(), on_deposed=lambda: None)


async def test_a_deposed_leader_commits_nothing_and_leaves(leader: QueueService, database: Database) -> None:
    fell = asyncio.Event()
    leader._on_deposed = fell.set
    await leader.start()
    admin = await register(leader)
    epoch = await take_over(database)
    waiting = asyncio.ensure_future(leader.intake.submit(command("create-task", {"title": "late"}, actor=admin)))
    await asyncio.wait_for(fell.wait(), 10)
    assert epoch == 2
    assert not waiting.done()
    assert database.rows("SELECT COUNT(*) FROM task_table") == [(0,)]
    waiting.cancel()
    await vanish(leader)


@pytest.mark.only_on("mysql")
async def test_a_takeover_waits_for_the_batch_that_checked_the_epoch_before_it(
    leader: QueueService, database: Database
) -> None:
    await leader.start()
    admin = await register(leader)
    task = await create_task(leader, admin)
    async with holding(database, "SELECT id FROM task_table WHERE id = %s FOR UPDATE", task["id"]):
        update = command("update-task", {"taskId": task["id"], "updates": {"title": "in time"}}, actor=admin)
        writing = asyncio.ensure_future(leader.intake.submit(update))
        await eventually(lambda: is_waiting_for_a_lock(database), every_s=0.15, what="the batch waiting for the row")
        # without its list of sessions the taker cannot end the batch: only the lock on the epoch row is left
        database.rows("DELETE FROM leader_session")
        taking = asyncio.ensure_future(take_over(database))
        await eventually(lambda: waiting_count(database) == 2, every_s=0.15, what="the taker waiting for the epoch row")
        assert not taking.done()
    assert (await writing).data["version"] == 2
    assert await taking == 2
    await vanish(leader)


@pytest.mark.only_on("mysql")
async def test_a_takeover_ends_the_sessions_of_a_stopped_leader_instead_of_waiting_for_them(
    leader: QueueService, database: Database
) -> None:
    await leader.start()
    session = leader._sessions[1]
    taken: list[int] = []

    async def stopped_in_the_middle_of_a_batch() -> None:
        # it holds the epoch row for as long as it likes
        async with session.lock, session.transaction() as tx:
            await rows_of_the_leader.epoch(tx)
            taken.append(await asyncio.wait_for(take_over(database), 5))

    with pytest.raises(DatabaseFault) as ended:
        await stopped_in_the_middle_of_a_batch()
    assert taken == [2]
    assert ended.value.kind is Fault.LOST
    await vanish(leader)


@pytest.mark.only_on("mysql")
async def test_a_live_leader_elsewhere_is_respected_and_a_silent_one_is_not(
    leader: QueueService, database: Database
) -> None:
    await leader.start()
    with pytest.raises(AnotherLeader, match=r"127\.0\.0\.1:4000 leads this database"):
        await take_over(database, "elsewhere/127.0.0.1:4000")
    await leader.stop()
    assert await take_over(database, "elsewhere/127.0.0.1:4000") == 2


@pytest.mark.only_on("mysql")
async def test_a_session_id_that_now_belongs_to_somebody_else_is_not_ended(database: Database) -> None:
    async with holding(database, "SELECT 1"):
        database.rows(
            "INSERT INTO leader_session (connection_id, host, epoch) "
            "SELECT ID, 'somewhere:1', 0 FROM information_schema.PROCESSLIST"
        )
        assert await take_over(database) == 1
    # holding() rolls back on its connection at the end of the block: it was still alive


def waiting_count(database: Database) -> int:
    [(count,)] = database.rows("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
    return int(count)
