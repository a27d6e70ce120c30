"""What people, proxies and fuzzers send: the documented 4xx that names the member as it was written, never a 5xx."""

import json
from typing import Any

import pytest

from tests.contract.conftest import PASSWORD, Board
from tests.support.api import Answer

MALFORMED = {
    "nothing": b"",
    "half": b'{"title": "x"',
    "two values": b'{"title": "x"} {}',
    "single quotes": b"{'title': 'x'}",
    "NaN": b'{"title": "x", "assignedToUserId": NaN}',
    "Infinity": b'{"title": "x", "assignedToUserId": Infinity}',
    "a number beyond doubles": b'{"title": "x", "assignedToUserId": 1e999}',
    "an integer beyond 2^53": b'{"title": "x", "assignedToUserId": 9007199254740992}',
    "an integer beyond 64 bits": b'{"title": "x", "assignedToUserId": 18446744073709551616}',
    "a number of 5,000 digits": b'{"title": "x", "assignedToUserId": ' + b"9" * 5_000 + b"}",
    "a lone surrogate": rb'{"title": "\ud800"}',
    "a surrogate in UTF-8": b'{"title": "\xed\xa0\x80"}',
    "bytes that are no UTF-8": b'{"title": "\xff"}',
    "a NUL": rb'{"title": "a\u0000b"}',
    "a NUL in a name": rb'{"title": "x", "a\u0000": 1}',
    "a byte order mark": b'\xef\xbb\xbf{"title": "x"}',
    "33 levels": b'{"title": ' + b"[" * 33 + b"]" * 33 + b"}",
    "100,000 levels": b"[" * 100_000,
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_not_json_for_everyone_is_refused_as_malformed(board: Board, raw: bytes) -> None:
    for answer in (
        await board.admin("POST", "/api/tasks", raw=raw),
        await board.admin("PATCH", "/api/tasks/1", raw=raw),
        await board.stranger("POST", "/api/auth/login", raw=raw),
    ):
        assert (answer.status, answer.body["errorCode"]) == (400, "malformed_request")
        assert answer.body["detail"]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"title": None}, "title"),
        ({"title": 5}, "title"),
        ({"title": ["x"]}, "title"),
        ({"title": ""}, "title"),
        ({"title": "   "}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"title": "x", "category": 1}, "category"),
        ({"title": "x", "category": "é" * 51}, "category"),
        ({"title": "x", "tag": {}}, "tag"),
        ({"title": "x", "description": True}, "description"),
        ({"title": "x", "description": "é" * 32_768}, "description"),
        ({"title": "x", "status": "finished"}, "status"),
        ({"title": "x", "status": None}, "status"),
        ({"title": "x", "assignedToUserId": "2"}, "assignedToUserId"),
        ({"title": "x", "assignedToUserId": 1.5}, "assignedToUserId"),
        ({"title": "x", "assignedToUserId": True}, "assignedToUserId"),
        ({"title": "x", "assignedToUserId": 0}, "assignedToUserId"),
        ({"title": "x", "assignedToUserId": -1}, "assignedToUserId"),
        ({"title": "x", "assignedToUserId": 2**53 - 1}, "assignedToUserId"),
        ({"title": "x", "id": 7}, "id"),
        ({"title": "x", "createdAt": "2026-01-01T00:00:00.000Z"}, "createdAt"),
        ({"title": "x", "deletedAt": None}, "deletedAt"),
        ({"title": "x", "createdByUserId": 1}, "createdByUserId"),
        ({"title": "x", "departmentId": 1}, "departmentId"),
        ({"title": "x", "Title": "y"}, "Title"),
        ({"title": "x", "__proto__": {}}, "__proto__"),
    ],
)
async def test_a_wrong_member_is_named_as_the_client_wrote_it(board: Board, members: Any, field: str) -> None:
    task = await board.admin.new_task()
    for answer in (
        await board.admin.post("/api/tasks", members),
        await board.admin.patch(f"/api/tasks/{task['id']}", members),
    ):
        assert (answer.status, answer.body["errorCode"]) == (422, "validation_failed")
        assert answer.fields_at_fault == [field]
        assert answer.body["errors"][0]["message"]
    assert (await board.admin.get(f"/api/tasks/{task['id']}")).data == task


async def test_a_missing_title_a_version_on_create_and_an_empty_change_are_named(board: Board) -> None:
    path = f"/api/tasks/{(await board.admin.new_task())['id']}"
    answers = [
        await board.admin.post("/api/tasks", {}),
        await board.admin.post("/api/tasks", {"title": "x", "version": 1}),
        await board.admin.patch(path, {}),
        await board.admin.patch(path, {"version": 1}),
        await board.admin.patch(path, {"title": "x", "version": 0}),
        await board.admin.patch(path, {"title": "x", "version": "1"}),
        await board.admin.patch(path, {"title": "x", "version": 2**31}),
        await board.admin.patch(f"{path}?version=abc", {"title": "x"}),
    ]
    assert [answer.status for answer in answers] == [422] * len(answers)
    fields = [answer.fields_at_fault for answer in answers]
    assert fields == [["title"], ["version"], ["body"], ["body"], ["version"], ["version"], ["version"], ["version"]]


async def test_a_whole_number_may_be_written_with_a_point(board: Board) -> None:
    task = await board.admin.new_task(assignedToUserId=float(board.admin_id))
    assert task["assignedToUserId"] == board.admin_id
    changed = await board.admin.patch(f"/api/tasks/{task['id']}", {"title": "x", "version": 1.0})
    assert (changed.status, changed.data["version"]) == (200, 2)


async def test_every_wrong_member_is_named_at_once(board: Board) -> None:
    answer = await board.admin.post("/api/tasks", {"title": "", "status": "x", "color": "red"})
    assert sorted(answer.fields_at_fault) == ["color", "status", "title"]


@pytest.mark.parametrize("raw", [b"[]", b'"x"', b"5", b"true", b"null", b'[{"title": "x"}]'])
async def test_something_other_than_an_object_is_refused(board: Board, raw: bytes) -> None:
    answer = await board.admin("POST", "/api/tasks", raw=raw)
    assert (answer.status, answer.fields_at_fault) == (422, ["body"])


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"]
)
async def test_another_content_type_is_refused(board: Board, content_type: str) -> None:
    answer = await board.admin("POST", "/api/tasks", raw=b'{"title": "x"}', headers={"Content-Type": content_type})
    assert (answer.status, answer.body["errorCode"]) == (415, "unsupported_media_type")


async def test_a_content_type_with_a_charset_and_capitals_is_json(board: Board) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await board.admin("POST", "/api/tasks", raw=b'{"title": "x"}', headers=headers)).status == 201


@pytest.mark.parametrize(
    "given",
    [
        *("0", "-1", "+1", "1e3", "1.0", "0x1", "%31%00", "9223372036854775808", "9007199254740992", "1" * 400),
        *("%EF%BC%91", "%D9%A1", "%C2%B2", "null", "1%20", "1;drop", "%2e%2e", "%ff", "1%2F2", "{id}"),
    ],
)
async def test_what_is_no_id_names_nothing(board: Board, given: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"title": "x"}), ("DELETE", None)):
        answer = await board.admin(method, f"/api/tasks/{given}", body)
        assert (answer.status, answer.body["errorCode"]) == (404, "not_found")


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE task_table; --",
        '" OR 1=1 --',
        "%s %(x)s :id ? {0} ${x}",
        "<script>alert(1)</script>",
        "a\\b\\n\\u0041",
        "line\nbreak\ttab\r\x1b[31m\x7f",
        "😀👩‍👩‍👧‍👦🇨🇳",
        "e\u0301 \u202e\u200b\ufeff\uffff",
        "ΩΣς ß ﬁ",
    ],
)
async def test_strange_text_comes_back_as_it_was_sent(board: Board, text: str) -> None:
    fields = {"title": f"<{text}>", "category": text, "tag": text[::-1].strip(), "description": text}
    created = await board.admin.new_task(**fields)
    read = (await board.other.get(f"/api/tasks/{created['id']}")).data
    expected = fields | {"category": text.strip()}
    assert {name: read[name] for name in fields} == {name: created[name] for name in fields} == expected


@pytest.mark.parametrize("letter", ["x", "é", "任", "😀"])
async def test_the_greatest_lengths_fit_and_one_more_does_not(board: Board, letter: str) -> None:
    width = len(letter.encode())
    longest = letter * (65_535 // width) + "x" * (65_535 % width)
    task = await board.admin.new_task(title=letter * 255, category=letter * 50, tag=letter * 50, description=longest)
    read = (await board.other.get(f"/api/tasks/{task['id']}")).data
    assert (read["title"], read["category"], read["description"]) == (letter * 255, letter * 50, longest)
    for field, value in (("title", letter * 256), ("tag", letter * 51), ("description", longest + "x")):
        answer = await board.admin.post("/api/tasks", {"title": "x", field: value})
        assert (answer.status, answer.fields_at_fault) == (422, [field])


@pytest.mark.parametrize(
    ("credentials", "field"),
    [
        ({"email": "nobody", "password": PASSWORD}, "email"),
        ({"email": "a b@example.com", "password": PASSWORD}, "email"),
        ({"email": "a@b@example.com", "password": PASSWORD}, "email"),
        ({"email": "x" * 244 + "@example.com", "password": PASSWORD}, "email"),
        ({"email": "İ" * 200 + "@example.com", "password": PASSWORD}, "email"),
        ({"email": 5, "password": PASSWORD}, "email"),
        ({"password": PASSWORD}, "email"),
        ({"email": "a@example.com"}, "password"),
        ({"email": "a@example.com", "password": 12345678}, "password"),
        ({"email": "a@example.com", "password": "short"}, "password"),
        ({"email": "a@example.com", "password": "x" * 1_025}, "password"),
        ({"email": "a@example.com", "password": PASSWORD, "role": "admin"}, "role"),
    ],
)
async def test_wrong_credentials_are_named_and_never_repeated(board: Board, credentials: Any, field: str) -> None:
    answer = await board.stranger.post("/api/auth/register", credentials)
    assert (answer.status, answer.fields_at_fault) == (422, [field])
    assert PASSWORD not in answer.raw.decode()


@pytest.mark.parametrize("size", [(1 << 20) + 1, 3 << 20])
async def test_a_body_over_the_limit_is_refused_whether_announced_or_not(board: Board, size: int) -> None:
    body = json.dumps({"title": "x", "description": "y" * size}).encode()

    async def in_chunks() -> Answer:
        async def chunks() -> Any:
            for start in range(0, len(body), 65_536):
                yield body[start : start + 65_536]

        headers = {"Authorization": f"Bearer {board.admin.token}", "Content-Type": "application/json"}
        async with board.admin.http.post("/api/tasks", data=chunks(), headers=headers) as response:
            return Answer(response.status, response.headers, await response.read())

    for answer in (await board.admin("POST", "/api/tasks", raw=body), await in_chunks()):
        assert (answer.status, answer.body["errorCode"]) == (413, "payload_too_large")
    assert (await board.admin.get("/api/tasks?pageSize=1")).status == 200
