"""`/api/users`: an administrator manages everybody, a person manages themselves."""

import asyncio
import uuid
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest

from shared.throttling import BY_ACCOUNT
from tests.contract.conftest import PASSWORD, Board
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.databases import Database

NEW_PASSWORD = "a better one by far"


async def read(api: Api, user_id: int) -> dict[str, Any]:
    answer = await api.get(f"/api/users/{user_id}")
    assert answer.status == 200, answer
    assert answer.headers["ETag"] == f'"v{answer.data["version"]}"'
    user: dict[str, Any] = answer.data
    return user


async def test_an_administrator_lists_everybody_newest_first_and_nobodys_password(board: Board) -> None:
    mine = [(await board.account())[0] for _ in range(5)]
    page = (await board.other.get("/api/users?pageSize=3")).data
    assert set(page) == {"users", "total", "page", "pageSize", "nextCursor"}
    assert [user["id"] for user in page["users"]] == mine[::-1][:3]
    assert page["total"] >= 6
    rest = (await board.admin.get(f"/api/users?pageSize=2&cursor={page['nextCursor']}")).data
    assert [user["id"] for user in rest["users"]] == mine[::-1][3:]
    assert rest["page"] == 2
    second = (await board.admin.get("/api/users?pageSize=3&page=2")).data
    assert [user["id"] for user in second["users"]][:2] == mine[::-1][3:]
    of_seed_000 = {"id", "email", "role", "departmentId", "version", "createdAt", "updatedAt"}
    of_seed_004 = {"username", "realName", "phone", "roleId", "roleName", "departmentName", "status"}
    assert set(page["users"][0]) == of_seed_000 | of_seed_004


async def test_the_list_is_filtered_by_text_in_the_email_and_by_role(board: Board) -> None:
    mark = uuid.uuid4().hex
    made = [f"{mark}.{name}@example.com" for name in ("a_b", "axb", "100%")]
    for email in made:
        await board.stranger.post("/api/auth/register", {"email": email, "password": PASSWORD})

    async def found(query: str) -> list[str]:
        users = (await board.admin.get(f"/api/users?{query}")).data["users"]
        return sorted(user["email"].partition(".")[2].partition("@")[0] for user in users)

    assert await found(f"q={mark.upper()}") == ["100%", "a_b", "axb"]
    assert await found(f"q={mark}.a_") == ["a_b"]
    assert await found(f"q={mark}.100%25") == ["100%"]
    assert await found(f"q={mark}&role=admin") == []
    assert len(await found(f"q={mark}&role=employee")) == 3


@pytest.mark.parametrize(
    "query",
    [
        "role=boss",
        "q=",
        f"q={'x' * 201}",
        "page=0",
        "pageSize=101",
        "cursor=x",
        "page=1&cursor=YmVmb3JlOjE6Mg",
        "cursor=é",
        "rolle=admin",
        "q=a&q=b",
    ],
)
async def test_a_wrong_parameter_of_the_list_is_named(board: Board, query: str) -> None:
    answer = await board.admin.get(f"/api/users?{query}")
    assert answer.refusal == (422, "validation_failed")
    assert answer.fields_at_fault == [query.partition("=")[0]]


async def test_an_employee_sees_themselves_and_nobody_else(board: Board) -> None:
    me, employee = await board.employee()
    other, _ = await board.employee()
    assert (await employee.get("/api/users")).refusal == (403, "forbidden")
    assert (await read(employee, me))["id"] == me
    for path in (f"/api/users/{other}", f"/api/users/{board.admin_id}", "/api/users/0", f"/api/users/{2**53}"):
        assert (await employee.get(path)).refusal == (404, "not_found")
        assert (await employee.patch(path, {"email": "x@example.com"})).refusal == (404, "not_found")
    assert (await read(board.admin, other))["id"] == other


async def test_what_is_unchanged_is_304(board: Board) -> None:
    me, employee = await board.employee()
    assert (await employee.get(f"/api/users/{me}", If_None_Match='"v1"')).status == 304


async def test_a_change_is_checked_against_the_version_it_was_decided_on(board: Board) -> None:
    user_id, _ = await board.employee()
    path = f"/api/users/{user_id}"
    new = {"email": f"{uuid.uuid4().hex}@example.com"}
    changed = await board.admin.patch(path, new | {"version": 1})
    assert (changed.status, changed.data["version"], changed.headers["ETag"]) == (200, 2, '"v2"')
    assert changed.data == await read(board.other, user_id)
    for stale in (
        await board.admin.patch(path, {"role": "admin", "version": 1}),
        await board.admin.patch(f"{path}?version=1", {"role": "admin"}),
    ):
        assert stale.refusal == (409, "version_conflict")
        assert stale.body["current"] == changed.data
    assert (await board.admin.patch(path, {"role": "admin"}, If_Match='"v1"')).refusal == (412, "precondition_failed")
    promoted = await board.admin.patch(path, {"role": "admin"}, If_Match='"v2"')
    assert (promoted.status, promoted.data["role"], promoted.data["version"]) == (200, "admin", 3)


async def test_a_change_happens_once_per_key(board: Board) -> None:
    user_id, _ = await board.employee()
    key, new = uuid.uuid4().hex, {"email": f"{uuid.uuid4().hex}@example.com", "version": 1}
    first = await board.admin.patch(f"/api/users/{user_id}", new, Idempotency_Key=key)
    again = await board.other.patch(f"/api/users/{user_id}", new, Idempotency_Key=key)
    assert (first.status, again.status, again.headers["Idempotency-Replayed"]) == (200, 200, "true")
    assert again.data == first.data


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"version": 1}, "body"),
        ({"currentPassword": PASSWORD}, "body"),
        ({"role": "boss"}, "role"),
        ({"role": None}, "role"),
        ({"email": "nobody"}, "email"),
        ({"email": 1}, "email"),
        ({"id": 7}, "id"),
        ({"sessionEpoch": 7}, "sessionEpoch"),
        ({"password": "short", "currentPassword": PASSWORD}, "password"),
        ({"password": "x" * 1_025, "currentPassword": PASSWORD}, "password"),
        ({"password": NEW_PASSWORD}, "currentPassword"),
        ({"password": NEW_PASSWORD, "currentPassword": "wrong"}, "currentPassword"),
        ({"password": NEW_PASSWORD, "currentPassword": "x" * 5_000}, "currentPassword"),
    ],
)
async def test_a_wrong_member_is_named(board: Board, body: dict[str, Any], field: str) -> None:
    me, employee = await board.employee()
    answer = await employee.patch(f"/api/users/{me}", body)
    assert answer.refusal == (422, "validation_failed")
    assert answer.fields_at_fault == [field]


async def test_a_person_changes_their_email_and_signs_in_with_it(board: Board) -> None:
    me, token, old = await board.account()
    _, _, taken = await board.account()
    employee, new = Api(board.stranger.http, token), f"{uuid.uuid4().hex}@example.com"
    by_password = {"currentPassword": PASSWORD}
    told = await employee.patch(f"/api/users/{me}", {"email": taken.upper(), **by_password})
    assert told.refusal == (409, "email_taken")
    assert (await employee.patch(f"/api/users/{me}", {"email": f" {new.upper()}", **by_password})).data["email"] == new
    assert (await employee.patch(f"/api/users/{me}", {"email": new, **by_password})).status == 200
    assert (await employee.get("/api/auth/me")).data["user"]["email"] == new
    logins = [await board.stranger.post("/api/auth/login", {"email": e, "password": PASSWORD}) for e in (new, old)]
    assert [answer.status for answer in logins] == [200, 401]


async def test_a_new_email_of_ones_own_wants_the_password_and_a_refused_one_changes_nothing(board: Board) -> None:
    """A stolen access token is no way to take the account over, nor to ask who has one."""
    employee, administrator = await board.employee(), await board.employee()
    assert (await board.admin.patch(f"/api/users/{administrator[0]}", {"role": "admin"})).status == 200
    for me, owner in (employee, administrator):
        before = await read(owner, me)
        for email in (f"{uuid.uuid4().hex}@example.com", before["email"], "first@example.com"):
            for shown in ({}, {"currentPassword": "wrong"}):
                answer = await owner.patch(f"/api/users/{me}", {"email": email, **shown})
                assert answer.refusal in ((422, "validation_failed"), (429, "too_many_attempts"))
        assert await read(owner, me) == before


async def test_a_taken_email_leaves_the_password_and_the_sign_in_as_they_are(board: Board) -> None:
    me, employee = await board.employee()
    change = {"email": "first@example.com", "password": NEW_PASSWORD, "currentPassword": PASSWORD}
    assert (await employee.patch(f"/api/users/{me}", change)).refusal == (409, "email_taken")
    assert (await employee.patch(f"/api/users/{me}", {"password": NEW_PASSWORD, "currentPassword": PASSWORD})).data


async def test_asking_for_emails_is_counted_like_registering(database: Database, tmp_path: Path) -> None:
    async with Cluster(database.url, tmp_path, nodes=1, REGISTRATIONS_PER_HOUR="4") as cluster:
        stranger = Api(cluster.client())
        given = {"email": "ada@example.com", "password": NEW_PASSWORD}
        await stranger.post("/api/auth/register", given)
        registered = await stranger.post("/api/auth/register", given | {"email": "bob@example.com"})
        bob, path = Api(stranger.http, registered.data["token"]), f"/api/users/{registered.data['user']['id']}"
        emails = ("ada@example.com", "bob@example.com", "new@example.com", "ada@example.com")
        told = [await bob.patch(path, {"email": email, "currentPassword": NEW_PASSWORD}) for email in emails]
        assert [answer.status for answer in told] == [409, 200, 200, 429]
        assert told[-1].refusal == (429, "too_many_attempts")
        assert (await bob.patch(path, {"email": "ada@example.com", "currentPassword": NEW_PASSWORD})).status == 429


async def test_an_employee_promotes_nobody_least_of_all_themselves(board: Board) -> None:
    me, employee = await board.employee()
    assert (await employee.patch(f"/api/users/{me}", {"role": "admin"})).refusal == (403, "forbidden")
    assert (await read(employee, me))["role"] == "employee"


async def test_a_role_takes_effect_within_three_seconds_at_once_where_it_was_changed(board: Board) -> None:
    me, employee = await board.employee()
    assert (await employee.get("/api/users")).refusal == (403, "forbidden")
    await board.admin.patch(f"/api/users/{me}", {"role": "admin"})
    assert (await employee.get("/api/users")).status == 200
    await board.admin.patch(f"/api/users/{me}", {"role": "employee"})
    assert (await employee.get("/api/users")).refusal == (403, "forbidden")


async def test_a_new_password_ends_every_other_sign_in_and_wants_the_old_one(board: Board) -> None:
    me, token, email = await board.account()
    login = await board.stranger.post("/api/auth/login", {"email": email, "password": PASSWORD})
    elsewhere, here = Api(board.stranger.http, token), Api(board.stranger.http, login.data["token"])
    change = {"password": NEW_PASSWORD, "currentPassword": PASSWORD}
    key = uuid.uuid4().hex
    assert (await here.patch(f"/api/users/{me}", change, Idempotency_Key=key)).data["version"] == 2
    # every access token there was is of another epoch; the sign-in that it was changed in goes on by its refresh token
    assert [(await api.get("/api/auth/me")).status for api in (here, elsewhere)] == [401, 401]
    fresh = await board.stranger.post("/api/auth/refresh", {"refreshToken": login.data["refreshToken"]})
    here = Api(board.stranger.http, fresh.data["token"])
    assert (await here.get("/api/auth/me")).status == 200
    told = [
        (await board.stranger.post("/api/auth/login", {"email": email, "password": p})).status
        for p in (PASSWORD, NEW_PASSWORD)
    ]
    assert told == [401, 200]
    # the answer got lost, say: the same key finds it, although the old password is no longer right
    again = await here.patch(f"/api/users/{me}", change, Idempotency_Key=key)
    assert (again.status, again.headers["Idempotency-Replayed"], again.data["version"]) == (200, "true", 2)
    assert (await board.admin.patch(f"/api/users/{board.admin_id}", change | {"currentPassword": "x"})).status == 422


async def test_not_even_an_administrator_sets_somebody_elses_password(board: Board) -> None:
    user_id, _ = await board.employee()
    change = {"password": NEW_PASSWORD, "currentPassword": PASSWORD}
    assert (await board.admin.patch(f"/api/users/{user_id}", change)).refusal == (403, "forbidden")


async def test_the_present_password_is_not_told_from_the_new_one(board: Board) -> None:
    """One guess each: a right one in the wrong member is wrong, and counted."""
    me, employee = await board.employee()
    guess = {"password": PASSWORD, "currentPassword": "wrong"}
    for _ in range(BY_ACCOUNT.free):
        answer = await employee.patch(f"/api/users/{me}", guess)
        assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), ["currentPassword"])
    assert (await employee.patch(f"/api/users/{me}", guess)).refusal == (429, "too_many_attempts")


async def test_who_is_signed_in_changes_their_password_whatever_strangers_guess(board: Board) -> None:
    me, token, email = await board.account()
    for number in range(BY_ACCOUNT.free):
        await board.stranger.post("/api/auth/login", {"email": email, "password": f"guess {number}"})
    login = await board.stranger.post("/api/auth/login", {"email": email, "password": PASSWORD})
    assert login.refusal == (429, "too_many_attempts")
    change = {"password": NEW_PASSWORD, "currentPassword": PASSWORD}
    assert (await Api(board.stranger.http, token).patch(f"/api/users/{me}", change)).status == 200


async def test_guessing_at_the_old_password_is_guessing(board: Board) -> None:
    me, token, email = await board.account()
    thief = Api(board.stranger.http, token)
    for number in range(BY_ACCOUNT.free):
        wrong = ({"password": NEW_PASSWORD}, {"email": f"{uuid.uuid4().hex}@example.com"})[number % 2]
        wrong |= {"currentPassword": f"guess {number}"}
        assert (await thief.patch(f"/api/users/{me}", wrong)).status == 422
    right = {"password": NEW_PASSWORD, "currentPassword": PASSWORD}
    blocked = await thief.patch(f"/api/users/{me}", right)
    assert blocked.refusal == (429, "too_many_attempts")
    assert blocked.headers["Retry-After"] == "1"
    # whoever signs in anew is somebody else
    login = await board.stranger.post("/api/auth/login", {"email": email, "password": PASSWORD})
    assert login.status == 200


async def test_registering_a_common_password_warns_in_development(board: Board) -> None:
    common = {"email": f"{uuid.uuid4().hex}@example.com", "password": "Password123"}
    answer = await board.stranger.post("/api/auth/register", common)
    assert [warning["field"] for warning in answer.data["warnings"]] == ["password"]
    better = {"email": f"{uuid.uuid4().hex}@example.com", "password": NEW_PASSWORD}
    assert "warnings" not in (await board.stranger.post("/api/auth/register", better)).data


async def test_production_takes_no_common_password(database: Database, tmp_path: Path) -> None:
    production = {"CONSOLE_ENV": "production", "REGISTRATION": "open", "JWT_SECRET": token_urlsafe(48)}
    async with Cluster(database.url, tmp_path, nodes=1, **production) as cluster:
        stranger = Api(cluster.client())
        for password in ("Password123", "jean.dupont1"):
            given = {"email": "jean.dupont@example.com", "password": password}
            answer = await stranger.post("/api/auth/register", given)
            assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), ["password"])
        registered = await stranger.post("/api/auth/register", given | {"password": NEW_PASSWORD})
        assert registered.status == 201
        change = {"password": "sunshine2024", "currentPassword": NEW_PASSWORD}
        answer = await Api(stranger.http, registered.data["token"]).patch("/api/users/1", change)
        assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), ["password"])


async def test_fifty_changes_from_one_version_one_wins(board: Board) -> None:
    user_id, _ = await board.employee()
    sent = (
        (board.admin, board.other)[i % 2].patch(
            f"/api/users/{user_id}", {"email": f"{uuid.uuid4().hex}@example.com", "version": 1}
        )
        for i in range(50)
    )
    told = [answer.status for answer in await asyncio.gather(*sent)]
    assert (told.count(200), told.count(409)) == (1, 49)
