"""Guessing at passwords: slowed down by account and by address, counted once for all nodes, and telling nothing."""

import asyncio
import random
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from math import log2
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from shared.throttling import BY_ACCOUNT, BY_ADDRESS
from tests.contract.conftest import PASSWORD, Board
from tests.support.api import Answer, Api
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually

LONG_AGO = "2020-01-01 00:00:00.000000"
BAD_CREDENTIALS, TOO_MANY = (401, "bad_credentials"), (429, "too_many_attempts")


@dataclass(frozen=True, slots=True)
class Guesser:
    """Somebody at an address of their own who tries passwords for one e-mail, at either node."""

    board: Board
    email: str
    address: str

    async def tries(self, password: str, *, node: int = 0, email: str | None = None) -> Answer:
        api = (self.board.stranger, Api(self.board.other.http))[node]
        body = {"email": email or self.email, "password": password}
        return await api.post("/api/auth/login", body, X_Forwarded_For=self.address)

    async def is_blocked_by_failing(self) -> None:
        """Use up what is free."""
        for number in range(BY_ACCOUNT.free):
            assert (await self.tries(f"wrong {number}", node=number % 2)).refusal == BAD_CREDENTIALS


def somewhere() -> str:
    return str(IPv4Address(random.randrange(11 << 24, 12 << 24)))


def without_the_request_id(answer: Answer) -> dict[str, Any]:
    return {name: value for name, value in answer.body.items() if name != "requestId"}


@pytest.fixture
async def guesser(board: Board) -> Guesser:
    _, _, email = await board.account()
    return Guesser(board, email, somewhere())


def unblock(database: Database) -> None:
    database.rows("UPDATE sign_in_throttle SET blocked_until = :at WHERE blocked_until IS NOT NULL", at=LONG_AGO)


async def test_past_the_free_failures_even_the_right_password_has_to_wait_at_every_node(guesser: Guesser) -> None:
    await guesser.is_blocked_by_failing()
    blocked = [await guesser.tries(PASSWORD, node=node) for node in (0, 1)]
    assert [answer.refusal for answer in blocked] == [TOO_MANY] * 2
    assert [answer.headers["Retry-After"] for answer in blocked] == ["1", "1"]


async def test_retry_after_is_true(guesser: Guesser) -> None:
    await guesser.is_blocked_by_failing()
    loop = asyncio.get_running_loop()
    blocked_at = loop.time()
    assert (await guesser.tries(PASSWORD)).headers["Retry-After"] == "1"

    async def is_in() -> bool:
        return (await guesser.tries(PASSWORD)).status == 200

    await eventually(is_in, within_s=5, every_s=0.1, what="the end of the block")
    assert loop.time() - blocked_at > 0.5


async def test_each_further_failure_doubles_the_wait_and_a_success_forgets_them(
    guesser: Guesser, kept: Database
) -> None:
    await guesser.is_blocked_by_failing()
    for seconds in ("2", "4", "8"):
        unblock(kept)
        assert (await guesser.tries("wrong again")).refusal == BAD_CREDENTIALS
        assert (await guesser.tries("wrong again")).headers["Retry-After"] == seconds
    unblock(kept)
    assert (await guesser.tries(PASSWORD)).status == 200
    await guesser.is_blocked_by_failing()
    assert (await guesser.tries("wrong again")).headers["Retry-After"] == "1"


async def test_a_burst_at_both_nodes_gains_no_more_guesses_than_the_same_in_a_row(guesser: Guesser) -> None:
    began = monotonic()
    answers = await asyncio.gather(*(guesser.tries(f"guess {i}", node=i % 2) for i in range(40)))
    told = [answer.refusal for answer in answers]
    # blocks of 1, 2, 4, ... seconds may end while the last of them are still being checked
    ended = int(log2(monotonic() - began + 1))
    assert BY_ACCOUNT.free <= told.count(BAD_CREDENTIALS) <= BY_ACCOUNT.free + ended
    assert told.count(TOO_MANY) == 40 - told.count(BAD_CREDENTIALS)


async def test_a_block_leaves_those_who_are_signed_in_alone(guesser: Guesser) -> None:
    login = (await guesser.tries(PASSWORD)).data
    await guesser.is_blocked_by_failing()
    assert (await guesser.tries(PASSWORD)).refusal == TOO_MANY
    board = guesser.board
    assert (await Api(board.stranger.http, login["token"]).get("/api/auth/me")).status == 200
    assert (await board.stranger.post("/api/auth/refresh", {"refreshToken": login["refreshToken"]})).status == 200


async def test_nobody_is_told_whether_an_account_exists(guesser: Guesser, kept: Database) -> None:
    """The same bodies, the same writes, the same work, for a wrong password and for an account that is unknown, deleted
    or turned off."""
    gone_id, _, gone = await guesser.board.account()
    kept.rows("UPDATE user_table SET deletedAt = :at WHERE id = :id", at=LONG_AGO, id=gone_id)
    off_id, _, off = await guesser.board.account()
    kept.rows("UPDATE user_table SET status = 0 WHERE id = :id", id=off_id)
    told, left_behind, worked = [], [], []
    for email in (guesser.email, f"{uuid.uuid4().hex}@example.com", gone, off):
        runs = await argon2_runs(guesser.board)
        one = Guesser(guesser.board, email, somewhere())
        [(since,)] = kept.rows("SELECT COALESCE(MAX(id), 0) FROM sign_in_throttle")
        before = footprint(kept, since)
        answers = [await one.tries("wrong") for _ in range(BY_ACCOUNT.free + 1)]
        told.append([(answer.status, without_the_request_id(answer)) for answer in answers])
        left_behind.append([after - b for after, b in zip(footprint(kept, since), before, strict=True)])
        worked.append(await argon2_runs(guesser.board) - runs)
    assert told[0] == told[1] == told[2] == told[3]
    assert [status for status, _ in told[0]] == [401] * BY_ACCOUNT.free + [429]
    assert left_behind[0] == left_behind[1] == left_behind[2] == left_behind[3]
    assert worked == [BY_ACCOUNT.free] * 4  # one for each try, but none for the one that is blocked


async def argon2_runs(board: Board) -> int:
    """How often the first node has checked a password so far."""
    text = (await board.stranger.get("/metrics")).raw.decode()
    found = re.search(r'^console_argon2_runs_total\{purpose="verify"\} ([0-9.e+]+)$', text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def footprint(database: Database, since: int) -> list[int]:
    """How much was ever written to every table that a sign-in may write to (what is pruned meanwhile does not count),
    and the failures counted in rows after `since`."""
    return [
        int(database.rows(statement)[0][0])
        for statement in (
            "SELECT COALESCE(MAX(id), 0) FROM sign_in_throttle",
            f"SELECT COALESCE(SUM(failures), 0) FROM sign_in_throttle WHERE id > {since}",  # noqa: S608 - a number
            "SELECT COALESCE(MAX(id), 0) FROM user_session",
            "SELECT COUNT(*) FROM stored_answer",
            "SELECT COUNT(*) FROM outbox_event",
        )
    ]


async def nearly_blocked(kept: Database, guessers: Sequence[Guesser]) -> None:
    """Two failures of one address, as many more as are free but one, and no account named twice."""
    [(last,)] = kept.rows("SELECT COALESCE(MAX(id), 0) FROM sign_in_throttle")
    for guesser in guessers:
        assert (await guesser.tries("wrong", email=f"{uuid.uuid4().hex}@example.com")).refusal == BAD_CREDENTIALS
    ours = kept.rows("SELECT failures FROM sign_in_throttle WHERE id > :last ORDER BY failures", last=last)
    assert ours == [(1,), (1,), (2,)]
    kept.rows(
        "UPDATE sign_in_throttle SET failures = :nearly WHERE id > :last AND failures = 2",
        last=last,
        nearly=BY_ADDRESS.free - 1,
    )


async def test_an_address_is_slowed_down_over_all_accounts_and_successes_do_not_count(
    guesser: Guesser, kept: Database
) -> None:
    await nearly_blocked(kept, [guesser, guesser])
    for _ in range(3):
        assert (await guesser.tries(PASSWORD)).status == 200
    assert (await guesser.tries("wrong")).refusal == BAD_CREDENTIALS
    assert (await guesser.tries(PASSWORD)).refusal == TOO_MANY
    assert (await Guesser(guesser.board, guesser.email, somewhere()).tries(PASSWORD)).status == 200


async def test_what_an_address_failed_at_leaks_away(guesser: Guesser, kept: Database) -> None:
    """An office never stops mistyping: what it failed at in the last hours must not stand against it."""
    await nearly_blocked(kept, [guesser, guesser])
    hours_ago = (datetime.now(UTC) - timedelta(minutes=59)).strftime("%Y-%m-%d %H:%M:%S.%f")
    kept.rows("UPDATE sign_in_throttle SET updated_at = :at WHERE failures > 1", at=hours_ago)
    for _ in range(3):
        assert (await guesser.tries("wrong", email=f"{uuid.uuid4().hex}@example.com")).refusal == BAD_CREDENTIALS
    assert (await guesser.tries(PASSWORD)).status == 200


async def test_one_address_leaves_room_for_the_sign_ins_of_others(board: Board) -> None:
    """However often somebody signs in at once, rightly too: they have a share of the places to wait in, not all."""
    _, _, many = await board.account()
    _, _, one = await board.account()
    greedy, honest = Guesser(board, many, somewhere()), Guesser(board, one, somewhere())
    at_once = [asyncio.create_task(greedy.tries(PASSWORD)) for _ in range(130)]
    told = []
    while not all(task.done() for task in at_once):
        told.append((await honest.tries(PASSWORD)).status)
    answers = await asyncio.gather(*at_once)
    assert told
    assert set(told) == {200}
    turned_away = [answer for answer in answers if answer.status != 200]
    assert len(turned_away) < 130
    assert {answer.refusal for answer in turned_away} == {TOO_MANY}
    assert {answer.headers["Retry-After"] for answer in turned_away} == {"1"}


async def test_the_half_of_an_ipv6_address_that_its_owner_chooses_makes_no_difference(
    board: Board, kept: Database
) -> None:
    network = f"2001:db8:{random.randrange(1 << 16):x}:{random.randrange(1 << 16):x}"
    here, there, elsewhere = (
        Guesser(board, f"{uuid.uuid4().hex}@example.com", address)
        for address in (f"{network}::1", f"{network}:9:9:9:9", "2001:db8:ffff:ffff::1")
    )
    await nearly_blocked(kept, [here, there])
    assert (await here.tries("wrong")).refusal == BAD_CREDENTIALS
    assert (await there.tries("wrong")).refusal == TOO_MANY
    assert (await elsewhere.tries("wrong")).refusal == BAD_CREDENTIALS


async def test_who_the_table_is_about_cannot_be_read_from_it(guesser: Guesser, kept: Database) -> None:
    await guesser.tries("wrong")
    text = "\n".join(map(str, kept.rows("SELECT * FROM sign_in_throttle")))
    assert guesser.email not in text
    assert guesser.address not in text


async def test_one_key_for_many_registrations_costs_no_argon2_run_and_tells_nothing(board: Board) -> None:
    _, _, taken = await board.account()
    key = uuid.uuid4().hex

    async def registers(email: str) -> Answer:
        return await board.stranger.post(
            "/api/auth/register", {"email": email, "password": PASSWORD}, Idempotency_Key=key
        )

    began = monotonic()
    assert (await registers(f"{uuid.uuid4().hex}@example.com")).status == 201
    one_took = monotonic() - began
    began = monotonic()
    told = [(await registers(email)).refusal for email in (taken, f"{uuid.uuid4().hex}@example.com") * 10]
    assert told == [(422, "idempotency_mismatch")] * 20
    assert monotonic() - began < 15 * one_took


async def test_registering_is_slowed_down_by_address(database: Database, tmp_path: Path) -> None:
    async with Cluster(database.url, tmp_path, nodes=2, REGISTRATIONS_PER_HOUR="3") as cluster:
        apis = [Api(cluster.client(node)) for node in (0, 1)]
        answers = [
            await apis[number % 2].post(
                "/api/auth/register", {"email": f"u{number // 2}@example.com", "password": PASSWORD}
            )
            for number in range(4)
        ]
        assert [answer.status for answer in answers] == [201, 409, 201, 429]
        assert answers[3].headers["Retry-After"] == "1"
        elsewhere = await apis[0].post(
            "/api/auth/register", {"email": "u9@example.com", "password": PASSWORD}, X_Forwarded_For=somewhere()
        )
        assert elsewhere.status == 201
