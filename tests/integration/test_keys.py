"""What an idempotency key remembers: for how long, and for whom."""

from datetime import timedelta
from pathlib import Path

import pytest

from queue_service.service import QueueService
from shared.errors import Forbidden
from tests.support.api import Api
from tests.support.clocks import MovableClock
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.writer import command, creates, outcomes, register, settings_for, titles


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_jump_of_the_wall_clock_does_not_forget_the_answers_of_the_last_day(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarts: bool
) -> None:
    monkeypatch.setattr("queue_service.loops.prune.PERIOD_S", 0.02)
    clock = MovableClock()
    settings = settings_for(database, tmp_path)
    async with leading(settings, clock) as service:
        admin = await register(service)
        [before] = await outcomes(service, creates(admin, "once"))
        if not restarts:
            clock.jump(timedelta(hours=25))
            await pruned(service)
            [again] = await outcomes(service, creates(admin, "once"))
    if restarts:
        clock.jump(timedelta(hours=25))
        async with leading(settings, clock) as service:
            await pruned(service)
            [again] = await outcomes(service, creates(admin, "once"))
    assert again.is_replayed
    assert again.data == before.data
    assert titles(database) == ["once"]


async def test_after_a_day_that_passed_a_stored_answer_is_forgotten(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_service.loops.prune.PERIOD_S", 0.02)
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        admin = await register(service)
        await outcomes(service, creates(admin, "once"))
        clock.let_pass(timedelta(hours=23))
        await pruned(service)
        assert database.rows("SELECT COUNT(*) FROM stored_answer") == [(2,)]
        clock.let_pass(timedelta(hours=1, seconds=1))
        await eventually(lambda: database.rows("SELECT COUNT(*) FROM stored_answer") == [(0,)], what="forgetting")


async def pruned(service: QueueService) -> None:
    """A whole run of the prune loop has begun and ended since the call: of two ends, the second began after it."""
    seen = service.loops.runs["prune"]
    await eventually(lambda: service.loops.runs["prune"] >= seen + 2, what="two runs of prune")


async def test_a_write_asked_again_after_the_right_was_lost_is_refused_as_one_that_was_applied(
    service: QueueService, database: Database
) -> None:
    admin = await register(service)
    await outcomes(service, creates(admin, "once"))
    await database.change("UPDATE user_table SET role_id = 2")
    again, other, new = await outcomes(
        service,
        [
            *creates(admin, "once"),
            command("create-task", {"title": "another request"}, actor=admin, key="other"),
            command("create-task", {"title": "another request"}, actor=admin),
        ],
    )
    assert [type(refusal) for refusal in (again, other, new)] == [Forbidden] * 3
    assert [refusal.outcome for refusal in (again, other, new)] == ["applied", "not_applied", "not_applied"]
    [mismatch] = await outcomes(service, [command("create-task", {"title": "x"}, actor=admin, key="once")])
    assert (type(mismatch), mismatch.outcome) == (Forbidden, "not_applied")
    assert titles(database) == ["once"]


@pytest.mark.parametrize(("node", "outcome"), [(0, "applied"), (1, "unknown")])
async def test_the_api_never_says_not_applied_of_a_write_asked_again_after_the_right_was_lost(
    cluster: Cluster, database: Database, node: int, outcome: str
) -> None:
    """The node that wrote still believes the account and asks the writer; one that reads it anew refuses at the door,
    where nobody knows what became of the key."""
    _, token = await cluster.register()
    written = await Api(cluster.client(0, token)).post("/api/tasks", {"title": "once"}, Idempotency_Key="k")
    await database.change("UPDATE user_table SET role_id = 2")
    again = await Api(cluster.client(node, token)).post("/api/tasks", {"title": "once"}, Idempotency_Key="k")
    assert written.status == 201
    assert (again.status, again.body["errorCode"], again.body["outcome"]) == (403, "forbidden", outcome)
    assert titles(database) == ["once"]
