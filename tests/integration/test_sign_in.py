"""The writer's side of accounts: sessions, throttles and roles decided in the batch, with time in the test's hand."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from queue_service.commands import KINDS
from queue_service.domain.command import Answer, CommandKind
from queue_service.service import QueueService
from queue_service.transport.parse import parse_command
from shared.account_commands import UserPatch
from shared.errors import (
    BadCredentials,
    ConsoleError,
    Forbidden,
    Invalid,
    LastAdministrator,
    NotFound,
    TokenReused,
    TokenSuperseded,
    TooManyAttempts,
    Unauthenticated,
)
from shared.throttling import BY_ACCOUNT, FORGOTTEN_AFTER, LONGEST_BLOCK_S
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.writer import A_HASH, SECRET, command, outcomes, register, settings_for

LIFE_S = 3_600


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def subjects(name: str) -> dict[str, str]:
    return {"account": digest(name), "address": digest(f"address of {name}")}


def new_session(token: str = "first", life_s: int = LIFE_S) -> dict[str, Any]:
    return {"familyHash": digest("family"), "tokenHash": digest(token), "lifeS": life_s}


def opening(user_id: int, *, epoch: int = 1, name: str = "ada", token: str = "first") -> dict[str, Any]:
    return {"userId": user_id, "userEpoch": epoch, "session": new_session(token), "subjects": subjects(name)}


async def run(service: QueueService, kind: str, data: dict[str, Any], **more: Any) -> Any:
    """The answer's data, or the refusal."""
    [outcome] = await outcomes(service, [command(kind, data, **more)])
    return outcome.data if isinstance(outcome, Answer) else outcome


async def opened(service: QueueService, user_id: int) -> int:
    answer = await run(service, "open-session", opening(user_id))
    session_id: int = answer["session"]["id"]
    return session_id


async def refreshed(service: QueueService, session_id: int, user_id: int, token: str, following: str) -> Any:
    data = {
        "sessionId": session_id,
        "userId": user_id,
        "familyHash": digest("family"),
        "tokenHash": digest(token),
        "nextHash": digest(following),
    }
    return await run(service, "refresh-session", data)


async def fails(service: QueueService, name: str = "ada") -> ConsoleError:
    refusal = await run(service, "note-failed-sign-in", {"subjects": subjects(name)})
    assert isinstance(refusal, ConsoleError)
    return refusal


async def test_a_token_is_superseded_for_ten_seconds_and_then_ends_the_family(
    database: Database, tmp_path: Path
) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        ada = await register(service)
        session_id = await opened(service, ada)
        for token, following in (("first", "second"), ("second", "third")):
            assert isinstance(await refreshed(service, session_id, ada, token, following), dict)
        for passed, expected in ((9, TokenSuperseded), (2, TokenReused)):
            clock.let_pass(timedelta(seconds=passed))
            assert isinstance(await refreshed(service, session_id, ada, "first", "stolen"), expected)
        for passed, expected in ((9, TokenSuperseded), (11, TokenReused)):
            session_id = await opened(service, ada)
            assert (await refreshed(service, session_id, ada, "first", "second"))["session"]["id"] == session_id
            clock.let_pass(timedelta(seconds=passed))
            assert isinstance(await refreshed(service, session_id, ada, "first", "third"), expected)
            after = await refreshed(service, session_id, ada, "second", "third")
            assert isinstance(after, dict) is (expected is TokenSuperseded)
        assert database.rows("SELECT COUNT(*) FROM user_session WHERE ended_at IS NOT NULL") == [(2,)]


async def test_a_session_lives_as_long_as_it_was_given_however_often_it_is_refreshed(
    database: Database, tmp_path: Path
) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        ada = await register(service)
        session_id = await opened(service, ada)
        clock.let_pass(timedelta(seconds=LIFE_S - 5))
        assert isinstance(await refreshed(service, session_id, ada, "first", "second"), dict)
        clock.let_pass(timedelta(seconds=10))
        assert isinstance(await refreshed(service, session_id, ada, "second", "third"), Unauthenticated)


async def test_a_foreign_family_says_nothing_about_a_session(service: QueueService, database: Database) -> None:
    ada = await register(service)
    session_id = await opened(service, ada)
    forged = {
        "sessionId": session_id,
        "userId": ada,
        "familyHash": digest("another family"),
        "tokenHash": digest("old"),
        "nextHash": digest("new"),
    }
    assert isinstance(await run(service, "refresh-session", forged), Unauthenticated)
    assert database.rows("SELECT version, ended_at FROM user_session") == [(1, None)]


async def test_a_password_that_was_changed_meanwhile_opens_nothing(service: QueueService, database: Database) -> None:
    ada = await register(service)
    session_id = await opened(service, ada)
    change = {
        "userId": ada,
        "updates": {},
        "newPassword": {"passwordHash": A_HASH, "sessionId": session_id},
        "check": {"isRight": True, "userEpoch": 1, "subject": digest("check")},
    }
    changed, late = await outcomes(
        service,
        [command("update-user", change, actor=ada), command("open-session", opening(ada, epoch=1, token="late"))],
    )
    assert isinstance(changed, Answer)
    assert isinstance(late, BadCredentials)
    assert isinstance(await run(service, "update-user", change, actor=ada), Unauthenticated)
    assert database.rows("SELECT user_epoch FROM user_session") == [(2,)]


async def test_the_waits_double_up_to_a_quarter_of_an_hour_and_time_forgives(
    database: Database, tmp_path: Path
) -> None:
    clock = MovableClock()
    async with leading(settings_for(database, tmp_path), clock) as service:
        for _ in range(BY_ACCOUNT.free):
            assert isinstance(await fails(service), BadCredentials)
        waits = []
        for _ in range(12):
            refusal = await fails(service)
            assert isinstance(refusal, TooManyAttempts)
            waits.append(refusal.retry_after_s)
            clock.let_pass(timedelta(seconds=refusal.retry_after_s or 0))
            assert isinstance(await fails(service), BadCredentials)
        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, LONGEST_BLOCK_S, LONGEST_BLOCK_S]
        clock.let_pass(FORGOTTEN_AFTER)
        for _ in range(BY_ACCOUNT.free):
            assert isinstance(await fails(service), BadCredentials)
        assert isinstance(await fails(service), TooManyAttempts)


async def test_a_change_that_repeats_itself_finds_its_answer_and_counts_nothing(
    service: QueueService, database: Database
) -> None:
    """The node sees a wrong password when it is asked again: it is the one before the change."""
    ada = await register(service)
    session_id = await opened(service, ada)
    check = {"isRight": True, "userEpoch": 1, "subject": digest("check")}
    new = {"passwordHash": A_HASH, "sessionId": session_id}
    first = command("update-user", {"userId": ada, "updates": {}, "newPassword": new, "check": check}, actor=ada)
    again = {"userId": ada, "updates": {}, "check": check | {"isRight": False}}
    [applied] = await outcomes(service, [first])
    repeated = replace(first, data=UserPatch.model_validate(again))
    [replayed] = await outcomes(service, [repeated])
    assert isinstance(applied, Answer)
    assert (replayed.status, replayed.data, replayed.is_replayed) == (200, applied.data, True)
    assert database.rows("SELECT COUNT(*) FROM sign_in_throttle") == [(0,)]
    assert isinstance(await run(service, "update-user", again, actor=ada), Invalid)
    assert database.rows("SELECT failures FROM sign_in_throttle") == [(1,)]


async def test_a_right_password_forgives_the_wrong_ones(service: QueueService, database: Database) -> None:
    ada = await register(service)

    async def changes(is_right: bool) -> Any:
        check = {"isRight": is_right, "userEpoch": 1, "subject": digest("check")}
        patch = {"userId": ada, "updates": {"email": "new@example.com"}, "check": check}
        return await run(service, "update-user", patch, actor=ada)

    for _ in range(BY_ACCOUNT.free - 1):
        assert isinstance(await changes(False), Invalid)
    assert isinstance(await changes(True), dict)
    assert database.rows("SELECT failures FROM sign_in_throttle") == [(0,)]
    for _ in range(BY_ACCOUNT.free):
        assert isinstance(await changes(False), Invalid)
    assert isinstance(await changes(True), TooManyAttempts)


async def test_what_opens_an_account_is_changed_by_a_checked_password_alone(service: QueueService) -> None:
    ada = await register(service)
    session_id = await opened(service, ada)
    for change in (
        {"updates": {"email": "new@example.com"}},
        {"updates": {}, "newPassword": {"passwordHash": A_HASH, "sessionId": session_id}},
    ):
        assert isinstance(await run(service, "update-user", {"userId": ada, **change}, actor=ada), Forbidden)


async def test_attempts_of_one_batch_are_counted_one_after_the_other(service: QueueService) -> None:
    ada = await register(service)
    wrong = [command("note-failed-sign-in", {"subjects": subjects("ada")}) for _ in range(30)]
    right = command("open-session", opening(ada))
    told = await outcomes(service, [*wrong, right])
    assert [type(refusal) for refusal in told[:30]].count(BadCredentials) == BY_ACCOUNT.free
    assert isinstance(told[30], TooManyAttempts)


async def test_a_refusal_that_is_counted_is_not_a_stored_answer(service: QueueService, database: Database) -> None:
    same = command("note-failed-sign-in", {"subjects": subjects("ada")}, key="k")
    for _ in range(2):
        [refusal] = await outcomes(service, [same])
        assert isinstance(refusal, BadCredentials)
    assert database.rows("SELECT COUNT(*) FROM stored_answer") == [(0,)]
    assert database.rows("SELECT failures FROM sign_in_throttle ORDER BY id") == [(2,), (2,)]


async def test_a_block_written_by_a_clock_that_ran_ahead_holds_nobody_up(database: Database, tmp_path: Path) -> None:
    clock = MovableClock(wall_ahead=timedelta(days=365))
    async with leading(settings_for(database, tmp_path), clock) as service:
        for _ in range(BY_ACCOUNT.free):
            await fails(service)
        assert isinstance(await fails(service), TooManyAttempts)
        clock.jump(-timedelta(days=365))
        assert isinstance(await fails(service), BadCredentials)


@pytest.mark.parametrize("count", [1, 5, 50])
async def test_however_many_demotions_meet_one_administrator_stays(service: QueueService, count: int) -> None:
    first = await register(service)
    people = [first] + [await register(service, f"u{i}@example.com") for i in range(count - 1)]
    promotions = [command("update-user", {"userId": p, "updates": {"roleId": 1}}, actor=first) for p in people[1:]]
    assert all(isinstance(outcome, Answer) for outcome in await outcomes(service, promotions))
    told = await outcomes(
        service, [command("update-user", {"userId": p, "updates": {"roleId": 2}}, actor=p) for p in people]
    )
    assert sum(isinstance(outcome, Answer) for outcome in told) == count - 1
    assert [type(outcome) for outcome in told if not isinstance(outcome, Answer)] == [LastAdministrator]


async def test_a_deleted_administrator_does_not_count_as_one(service: QueueService, database: Database) -> None:
    first, second = await register(service), await register(service, "b@example.com")
    assert isinstance(
        await run(service, "update-user", {"userId": second, "updates": {"roleId": 1}}, actor=first), dict
    )
    await database.change("UPDATE user_table SET deletedAt = '2026-01-01 00:00:00.000000' WHERE id = :id", id=second)
    demotion = {"userId": first, "updates": {"roleId": 2}}
    assert isinstance(await run(service, "update-user", demotion, actor=first), LastAdministrator)


@pytest.mark.only_on("sqlite")  # where every statement passes through the engine's events
async def test_a_batch_without_accounts_asks_nothing_about_them(service: QueueService, database: Database) -> None:
    """The price of the rules is paid by those who need them."""
    admin = await register(service)
    await eventually(lambda: service.loops.runs["prune"] > 0, what="the prune loop, which may ask")
    said: list[str] = []
    tx_texts(service, said)
    await run(service, "create-task", {"title": "t"}, actor=admin)
    assert said
    assert not [text for text in said if "user_session" in text or "sign_in_throttle" in text]


def tx_texts(service: QueueService, said: list[str]) -> None:
    @event.listens_for(service._engine.sync_engine, "before_cursor_execute")
    def _note(_c: Any, _cursor: Any, sql: str, _p: Any, _context: Any, _many: bool) -> None:
        said.append(sql)


async def test_what_is_over_is_forgotten(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_service.loops.prune.PERIOD_S", 0.02)
    clock = MovableClock()

    def kept() -> list[Any]:
        return database.rows("SELECT COUNT(*) FROM user_session") + database.rows(
            "SELECT COUNT(*) FROM sign_in_throttle"
        )

    async with leading(settings_for(database, tmp_path), clock) as service:
        ada = await register(service)
        await opened(service, ada)
        await fails(service)
        runs = service.loops.runs["prune"]
        await eventually(lambda: service.loops.runs["prune"] > runs + 1, what="a run that finds nothing old")
        assert kept() == [(1,), (2,)]
        clock.let_pass(FORGOTTEN_AFTER + timedelta(seconds=1))
        await eventually(lambda: kept() == [(0,), (0,)], what="forgetting")


async def test_refreshes_of_one_token_at_once_are_one_rotation(service: QueueService, database: Database) -> None:
    ada = await register(service)
    session_id = await opened(service, ada)
    told = await asyncio.gather(*(refreshed(service, session_id, ada, "first", f"next {i}") for i in range(20)))
    assert sum(isinstance(outcome, dict) for outcome in told) == 1
    assert sum(isinstance(outcome, TokenSuperseded) for outcome in told) == 19
    assert database.rows("SELECT version FROM user_session") == [(2,)]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_stranger_sends_only_what_is_open_to_strangers(kind: CommandKind) -> None:
    wire = {"type": kind.name, "data": {}, "actor": {"anonymous": "/api/auth/login"}}
    is_open = kind.name in ("register-user", "open-session", "note-failed-sign-in", "refresh-session")
    with pytest.raises(Invalid if is_open else Forbidden):
        parse_command(wire, size=1, secret=SECRET)


async def test_nobody_ends_or_changes_what_is_somebody_elses(service: QueueService) -> None:
    ada, bob = await register(service), await register(service, "bob@example.com")
    session_id = await opened(service, ada)
    for owner in (ada, bob):
        end = {"sessionId": session_id, "userId": owner}
        assert isinstance(await run(service, "end-session", end, actor=bob), Unauthenticated)
    assert isinstance(
        await run(service, "update-user", {"userId": ada, "updates": {"email": "x@example.com"}}, actor=bob), NotFound
    )
    assert isinstance(await run(service, "end-session", {"sessionId": session_id, "userId": ada}, actor=ada), dict)
