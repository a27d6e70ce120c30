"""Sign-ins: tokens that are refreshed, used twice, given up and lost, through either node."""

import asyncio
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.conftest import PASSWORD, Board
from tests.support.api import Answer, Api
from tests.support.databases import Database
from tests.support.eventually import eventually

MINUTES_AGO = "2020-01-01 00:00:00.000000"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in at the first node; `elsewhere` is the same access token at the second."""

    id: int
    email: str
    refresh_token: str
    here: Api
    elsewhere: Api
    stranger: Api
    stranger_elsewhere: Api

    async def refresh(self, token: str | None = None, *, elsewhere: bool = False) -> Answer:
        api = self.stranger_elsewhere if elsewhere else self.stranger
        return await api.post("/api/auth/refresh", {"refreshToken": token or self.refresh_token})

    async def login(self, password: str = PASSWORD) -> Answer:
        return await self.stranger.post("/api/auth/login", {"email": self.email, "password": password})


@pytest.fixture
async def person(board: Board) -> Person:
    email = f"{uuid.uuid4().hex}@example.com"
    answer = await board.stranger.post("/api/auth/register", {"email": email, "password": PASSWORD})
    data, http, other = answer.data, board.stranger.http, board.other.http
    return Person(
        data["user"]["id"],
        email,
        data["refreshToken"],
        Api(http, data["token"]),
        Api(other, data["token"]),
        board.stranger,
        Api(other),
    )


UNAUTHENTICATED, SUPERSEDED, REUSED = (401, "unauthenticated"), (401, "token_superseded"), (401, "token_reused")


async def rotated_long_ago(kept: Database, token: str) -> None:
    session_id = int(token.partition(".")[0])
    kept.rows("UPDATE user_session SET rotated_at = :at WHERE id = :id", at=MINUTES_AGO, id=session_id)


async def test_register_and_login_answer_both_tokens_and_their_life(person: Person) -> None:
    answer = await person.login()
    assert answer.status == 200
    assert (answer.data["expiresIn"], answer.data["user"]["id"]) == (900, person.id)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.data["refreshToken"] != person.refresh_token
    assert (await Api(person.stranger.http, answer.data["token"]).get("/api/auth/me")).status == 200


async def test_me_is_the_account_as_login_shows_it(person: Person) -> None:
    me = await person.elsewhere.get("/api/auth/me")
    assert me.data == {"user": (await person.login()).data["user"]}


async def test_a_refresh_token_gives_a_new_pair_once_in_the_body_or_as_bearer(person: Person) -> None:
    first = await person.refresh()
    assert first.status == 200
    assert set(first.data) == {"token", "expiresIn", "refreshToken"}
    assert (await Api(person.stranger.http, first.data["token"]).get("/api/auth/me")).status == 200
    second = await Api(person.stranger.http, first.data["refreshToken"])("POST", "/api/auth/refresh")
    assert second.status == 200
    assert len({person.refresh_token, first.data["refreshToken"], second.data["refreshToken"]}) == 3


async def test_refreshing_never_lengthens_a_sign_in(person: Person, kept: Database) -> None:
    session_id = int(person.refresh_token.partition(".")[0])
    ends = "SELECT expires_at FROM user_session WHERE id = :id"
    before = kept.rows(ends, id=session_id)
    assert (await person.refresh()).status == 200
    assert kept.rows(ends, id=session_id) == before


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_token_that_was_just_used_is_superseded_and_the_sign_in_lives(person: Person, elsewhere: bool) -> None:
    newer = (await person.refresh()).data["refreshToken"]
    assert (await person.refresh(elsewhere=elsewhere)).refusal == SUPERSEDED
    assert (await person.refresh(newer)).status == 200


async def test_a_token_used_long_ago_ends_the_sign_in(person: Person, kept: Database) -> None:
    newer = (await person.refresh()).data
    await rotated_long_ago(kept, person.refresh_token)
    assert (await person.refresh()).refusal == REUSED
    assert (await person.refresh(newer["refreshToken"], elsewhere=True)).refusal == UNAUTHENTICATED
    assert (await person.refresh()).refusal == REUSED
    assert (await Api(person.stranger.http, newer["token"]).get("/api/auth/me")).refusal == UNAUTHENTICATED


async def test_of_three_tabs_the_one_that_is_two_tokens_behind_signs_nobody_out(person: Person) -> None:
    second = (await person.refresh()).data["refreshToken"]
    third = (await person.refresh(second, elsewhere=True)).data["refreshToken"]
    assert (await person.refresh()).refusal == SUPERSEDED
    assert (await person.refresh(third)).status == 200


async def test_a_token_of_an_earlier_generation_ends_the_sign_in_later(person: Person, kept: Database) -> None:
    second = (await person.refresh()).data["refreshToken"]
    third = (await person.refresh(second)).data["refreshToken"]
    await rotated_long_ago(kept, third)
    assert (await person.refresh()).refusal == REUSED
    assert (await person.refresh(third)).refusal == UNAUTHENTICATED


async def test_a_made_up_token_ends_nobodys_sign_in(person: Person, board: Board) -> None:
    session_id, family, secret = person.refresh_token.split(".")
    _, _, email = await board.account()
    login = await board.stranger.post("/api/auth/login", {"email": email, "password": PASSWORD})
    another_family = login.data["refreshToken"].split(".")[1]
    forged = [
        f"{session_id}.{'A' * 22}.{secret}",
        f"{session_id}.{another_family}.{'A' * 43}",
        f"{2**52}.{family}.{secret}",
        f"{session_id}.{family}",
        f"{session_id}.{family}.{secret}.{secret}",
        f"0{session_id}.{family}.{secret}",
        f"{session_id} .{family}.{secret}",
        "x",
        person.here.token or "",
    ]
    for token in forged:
        assert (await person.refresh(token)).refusal == UNAUTHENTICATED
    assert (await person.stranger("POST", "/api/auth/refresh")).refusal == UNAUTHENTICATED
    assert (await person.here("POST", "/api/auth/refresh")).refusal == UNAUTHENTICATED  # an access token
    assert (await person.refresh()).status == 200


async def test_of_many_refreshes_at_once_one_wins(person: Person) -> None:
    answers = await asyncio.gather(*(person.refresh(elsewhere=i % 2 == 0) for i in range(10)))
    won = [answer for answer in answers if answer.status == 200]
    assert [answer.refusal for answer in answers if answer.status != 200] == [SUPERSEDED] * 9
    assert (await person.refresh(won[0].data["refreshToken"])).status == 200


async def test_an_idempotency_key_has_no_say_in_a_refresh(person: Person) -> None:
    first, second = [
        await person.stranger.post("/api/auth/refresh", {"refreshToken": person.refresh_token}, Idempotency_Key="k")
        for _ in range(2)
    ]
    assert first.status == 200
    assert second.refusal == SUPERSEDED


async def test_logout_is_known_at_once_here_and_within_three_seconds_elsewhere(person: Person) -> None:
    assert (await person.elsewhere.get("/api/auth/me")).status == 200  # now remembered there
    assert (await person.here.post("/api/auth/logout", {})).status == 200
    assert (await person.here.get("/api/auth/me")).refusal == UNAUTHENTICATED

    async def is_out() -> bool:
        return (await person.elsewhere.get("/api/auth/me")).status == 401

    await eventually(is_out, within_s=3.5, what="the logout at the other node")
    assert (await person.refresh()).refusal == UNAUTHENTICATED
    assert (await person.login()).status == 200


async def test_logging_out_twice_is_as_good_as_once_by_either_token(person: Person) -> None:
    for _ in range(2):
        assert (await person.stranger.post("/api/auth/logout", {"refreshToken": person.refresh_token})).status == 200
    for _ in range(2):
        assert (await person.here("POST", "/api/auth/logout")).status == 200
    assert (await person.stranger("POST", "/api/auth/logout")).refusal == UNAUTHENTICATED
    assert (await person.stranger.post("/api/auth/logout", {"refreshToken": "x"})).refusal == UNAUTHENTICATED


async def test_an_idempotency_key_has_no_say_in_a_logout(person: Person) -> None:
    """Two tabs send the same empty body, and their key may be the same: each ends its own sign-in."""
    other = Api(person.stranger.http, (await person.login()).data["token"])
    for api in (person.here, other):
        answer = await api("POST", "/api/auth/logout", headers={"Idempotency-Key": f"logout-{person.id}"})
        assert answer.status == 200
        assert "Idempotency-Replayed" not in answer.headers
    assert [(await api.get("/api/auth/me")).refusal for api in (person.here, other)] == [UNAUTHENTICATED] * 2


async def test_logout_ends_this_sign_in_and_everywhere_ends_them_all(person: Person) -> None:
    data = [(await person.login()).data for _ in range(3)]
    apis = [Api(person.stranger.http, one["token"]) for one in data]
    assert (await apis[0].post("/api/auth/logout", {})).status == 200
    assert [(await api.get("/api/auth/me")).status for api in apis] == [401, 200, 200]
    assert (await apis[0].post("/api/auth/logout", {"everywhere": True})).refusal == UNAUTHENTICATED
    assert (await apis[1].get("/api/auth/me")).status == 200
    assert (await apis[1].post("/api/auth/logout", {"everywhere": True})).status == 200
    assert [(await api.get("/api/auth/me")).status for api in (*apis, person.here)] == [401] * 4
    assert (await person.refresh(data[2]["refreshToken"])).refusal == UNAUTHENTICATED
    assert (await person.login()).status == 200


@pytest.mark.parametrize("door", ["/api/auth/logout", "/v1/auth/logout-all"])
async def test_a_token_that_opens_nothing_any_more_ends_nothing_elsewhere(person: Person, door: str) -> None:
    everywhere = {"everywhere": True} if door.startswith("/api/") else {}
    await person.refresh()
    used = {"refreshToken": person.refresh_token} | everywhere
    assert (await person.stranger.post(door, used)).status == 401
    change = {"oldPassword": PASSWORD, "newPassword": "another one, no less fine"}
    assert (await person.here("PATCH", f"/v1/users/{person.id}/password", change)).status == 200
    login = await person.login("another one, no less fine")
    assert (await person.here.post(door, everywhere)).status == 401, "by an access token from before"
    assert (await person.refresh(login.data["refreshToken"])).status == 200


@pytest.mark.parametrize(
    "over",
    [
        "UPDATE user_session SET expires_at = :at WHERE id = :id",
        "UPDATE user_session SET ended_at = :at WHERE id = :id",
    ],
)
async def test_a_sign_in_that_is_over_opens_nothing(person: Person, kept: Database, over: str) -> None:
    kept.rows(over, at=MINUTES_AGO, id=int(person.refresh_token.partition(".")[0]))
    assert (await person.refresh()).refusal == UNAUTHENTICATED
    assert (await person.elsewhere.get("/api/auth/me")).refusal == UNAUTHENTICATED


async def test_a_deleted_account_cannot_do_anything(person: Person, kept: Database) -> None:
    kept.rows("UPDATE user_table SET deletedAt = :at WHERE id = :id", at=MINUTES_AGO, id=person.id)
    assert (await person.refresh()).refusal == UNAUTHENTICATED
    assert (await person.elsewhere.get("/api/auth/me")).refusal == UNAUTHENTICATED
    assert (await person.login()).refusal == (401, "bad_credentials")


@pytest.mark.parametrize("route", ["register", "login"])
async def test_a_replay_by_key_shows_the_secret_to_nobody_a_second_time(board: Board, route: str) -> None:
    given = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
    if route == "login":
        await board.stranger.post("/api/auth/register", given)
    key = uuid.uuid4().hex
    first, again = [await board.stranger.post(f"/api/auth/{route}", given, Idempotency_Key=key) for _ in range(2)]
    assert first.data["refreshToken"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status, again.data["refreshToken"]) == (first.status, None)
    assert again.data["user"] == first.data["user"]
    assert (await Api(board.stranger.http, again.data["token"]).get("/api/auth/me")).status == 200


@pytest.mark.parametrize("route", ["register", "login"])
async def test_a_replay_opens_no_sign_in_that_is_over(board: Board, route: str) -> None:
    given = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
    if route == "login":
        await board.stranger.post("/api/auth/register", given)
    key = uuid.uuid4().hex
    first = await board.stranger.post(f"/api/auth/{route}", given, Idempotency_Key=key)
    assert (await Api(board.stranger.http, first.data["token"]).post("/api/auth/logout", {})).status == 200
    again = await Api(board.other.http).post(f"/api/auth/{route}", given, Idempotency_Key=key)
    assert again.refusal == UNAUTHENTICATED
    assert again.body["outcome"] == "applied"


async def test_one_key_at_once_opens_one_sign_in_and_shows_its_secret_once(board: Board, kept: Database) -> None:
    given = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
    user_id = (await board.stranger.post("/api/auth/register", given)).data["user"]["id"]
    apis = (board.stranger, Api(board.other.http))
    sent = [apis[i % 2].post("/api/auth/login", given, Idempotency_Key=f"once-{user_id}") for i in range(6)]
    answers = await asyncio.gather(*sent)
    assert [answer.status for answer in answers] == [200] * 6
    assert len([answer for answer in answers if answer.data["refreshToken"]]) == 1
    assert kept.rows("SELECT COUNT(*) FROM user_session WHERE user_id = :id", id=user_id) == [(2,)]


async def test_no_secret_is_kept_anywhere(person: Person, kept: Database) -> None:
    newer: dict[str, Any] = (await person.refresh()).data
    secrets = [part for token in (person.refresh_token, newer["refreshToken"]) for part in token.split(".")[1:]]
    for everything in (
        "SELECT * FROM stored_answer",
        "SELECT * FROM user_session",
        "SELECT * FROM outbox_event",
        "SELECT * FROM user_table",
        "SELECT * FROM sign_in_throttle",
    ):
        text = "\n".join(map(str, kept.rows(everything)))
        for secret in (*secrets, PASSWORD, newer["token"]):
            assert secret not in text, everything
