"""What every database must do for the writer: one suite, run on each."""

from collections.abc import AsyncIterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from queue_service.domain.command import Answer
from queue_service.domain.workingset import Change
from queue_service.store import answers, leader, outbox
from queue_service.store.aggregates import TASKS, USERS
from queue_service.store.faults import DatabaseFault, Fault
from queue_service.store.session import Session, Transaction
from shared.db import tables
from shared.db.database import writer_engine
from shared.model import Task, Throttle, User, UserSession
from shared.organisation import ADMINISTRATOR_ID, Department, PermissionRow, Role
from tests.support.databases import Database
from tests.support.people import account
from tests.support.writer import command

NOW = datetime(2026, 11, 22, 1, 2, 3, 456_000, tzinfo=UTC)


@pytest.fixture
async def session(database: Database) -> AsyncIterator[Session]:
    engine = writer_engine(database.url)
    made = Session(engine)
    async with made.transaction() as tx:
        await USERS.insert(tx, [user(1)])
    yield made
    await made.close()
    await engine.dispose()


def user(number: int) -> User:
    return account(number, role_id=ADMINISTRATOR_ID, created_at=NOW, updated_at=NOW)


def task(number: int, **fields: Any) -> Task:
    plain = Task(number, f"task {number}", None, None, None, "todo", 1, None, 1, 1, NOW, NOW, None)
    return replace(plain, **fields)


@pytest.mark.parametrize(
    ("entity", "table"),
    [
        (Task, tables.task_table),
        (User, tables.user_table),
        (UserSession, tables.user_session),
        (Throttle, tables.sign_in_throttle),
        (Department, tables.department),
        (Role, tables.role),
        (PermissionRow, tables.permission),
    ],
)
def test_an_entity_has_the_columns_of_its_table_in_order(entity: Any, table: Any) -> None:
    names = [field.name for field in fields(entity)]
    derived = ["permission_ids", "enabled_ids"] if entity is Role else []
    assert names == [*table.c.keys(), *derived]


async def test_what_is_inserted_is_read_back_as_it_was(session: Session) -> None:
    odd = task(
        7,
        title="表情 🎉 'quote\" \\ %s :x {n}",
        description="多" * 21_845,
        tag="",
        assigned_to_user_id=1,
        deleted_at=NOW,
    )
    async with session.transaction() as tx:
        await TASKS.insert(tx, [odd, task(8)])
    async with session.transaction() as tx:
        assert await TASKS.lock(tx, {7, 8, 9}) == {7: odd, 8: task(8)}
        assert await TASKS.last_id(tx) == 8


async def test_a_guarded_update_writes_every_column_of_many_rows_and_counts_them(session: Session) -> None:
    before = [task(n) for n in range(1, 101)]
    after = [
        replace(
            t,
            title=f"new {t.id}",
            category=None if t.id % 2 else "开发",
            assigned_to_user_id=1 if t.id % 3 else None,
            version=2,
            updated_at=NOW + timedelta(milliseconds=t.id),
            deleted_at=NOW if t.id % 5 == 0 else None,
        )
        for t in before
    ]
    async with session.transaction() as tx:
        await TASKS.insert(tx, before)
    async with session.transaction() as tx:
        assert await TASKS.update(tx, [Change(b, a) for b, a in zip(before, after, strict=True)]) == 100
    async with session.transaction() as tx:
        assert await TASKS.read(tx, range(1, 101)) == {t.id: t for t in after}


async def test_a_row_that_has_moved_on_is_not_written_and_not_counted(session: Session) -> None:
    async with session.transaction() as tx:
        await TASKS.insert(tx, [task(1), task(2, version=5)])
    changes = [Change(task(n), task(n, title="late", version=2)) for n in (1, 2, 3)]
    async with session.transaction() as tx:
        assert await TASKS.update(tx, changes) == 1
    async with session.transaction() as tx:
        found = await TASKS.read(tx, {1, 2})
        assert (found[1].title, found[2].title, found[2].version) == ("late", "task 2", 5)


async def test_text_compares_byte_by_byte(session: Session) -> None:
    async with session.transaction() as tx:
        assert await USERS.read_by(tx, "email", ["1@EXAMPLE.com"]) == []
        assert [u.id for u in await USERS.read_by(tx, "email", ["1@example.com"])] == [1]


async def test_whatever_goes_wrong_nothing_of_the_transaction_stays(session: Session) -> None:
    class Mistake(Exception):
        pass

    with pytest.raises(Mistake):
        async with session.transaction() as tx:
            await TASKS.insert(tx, [task(1)])
            raise Mistake
    with pytest.raises(DatabaseFault) as fault:
        async with session.transaction() as tx:
            await TASKS.insert(tx, [task(2)])
            await TASKS.insert(tx, [task(2)])
    assert fault.value.kind is Fault.DUPLICATE
    assert fault.value.in_doubt is False
    async with session.transaction() as tx:
        assert await TASKS.is_empty(tx)


async def test_a_broken_reference_is_permanent_and_says_no_values(session: Session) -> None:
    with pytest.raises(DatabaseFault) as fault:
        async with session.transaction() as tx:
            await TASKS.insert(tx, [task(1, assigned_to_user_id=99, title="private words")])
    assert fault.value.kind is Fault.PERMANENT
    assert "private words" not in str(fault.value)


async def test_a_stored_answer_is_found_once_and_forgotten_when_old(session: Session) -> None:
    stored = [command("delete-task", {"taskId": n}) for n in range(1, 6)]
    async with session.transaction() as tx:
        await answers.store(tx, [(c, Answer(200, {"id": 1, "emoji": "🎉"})) for c in stored[:3]], NOW)
        await answers.store(tx, [(c, Answer(200, None)) for c in stored[3:]], NOW + timedelta(hours=1))
    async with session.transaction() as tx:
        found = await answers.find(tx, [c.operation_id for c in stored])
        assert len(found) == 5
        assert found[stored[0].operation_id].data == {"id": 1, "emoji": "🎉"}
        assert await answers.prune(tx, older_than=NOW + timedelta(minutes=1), limit=2) == 2
        assert await answers.prune(tx, older_than=NOW + timedelta(minutes=1), limit=2) == 1
        assert await answers.prune(tx, older_than=NOW + timedelta(minutes=1), limit=2) == 0
        assert len(await answers.find(tx, [c.operation_id for c in stored])) == 2


async def test_the_outbox_keeps_the_newest_and_knows_what_it_holds(session: Session) -> None:
    events = [((epoch, seq), f"{epoch}.{seq}") for epoch in (1, 2) for seq in range(1, 11)]
    async with session.transaction() as tx:
        await outbox.append(tx, events)
    async with session.transaction() as tx:
        assert await outbox.newest(tx, 12) == events[-12:]
        assert await outbox.holds(tx, (1, 4))
        assert not await outbox.holds(tx, (1, 11))
        assert await outbox.prune(tx, keep=12, limit=3) == 3
        assert await outbox.prune(tx, keep=12, limit=100) == 5
        assert await outbox.prune(tx, keep=12, limit=100) == 0
        assert await outbox.newest(tx, 100) == events[-12:]


async def test_the_epoch_rises_by_one_and_only_its_holder_beats(session: Session) -> None:
    async def take(tx: Transaction) -> int:
        return await leader.take(tx, holder="me", address="here:4000", now=NOW)

    async with session.transaction() as tx:
        assert (await leader.look(tx)).epoch == 0
        assert await take(tx) == 1
    async with session.transaction() as tx:
        assert await take(tx) == 2
        assert await leader.epoch(tx) == 2
        assert await leader.beat(tx, epoch=2, at=NOW + timedelta(seconds=1))
        assert not await leader.beat(tx, epoch=1, at=NOW)
        found = await leader.look(tx)
        assert (found.holder, found.address, found.beat_at) == ("me", "here:4000", NOW + timedelta(seconds=1))


async def test_a_naive_time_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="naive"):
        async with session.transaction() as tx:
            await TASKS.insert(tx, [task(1, created_at=NOW.replace(tzinfo=None))])
