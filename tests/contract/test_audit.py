"""The audit log through the API: who reads which entry, by what filters, and what it says of a change."""

import asyncio
import json
import uuid
from typing import Any
from urllib.parse import quote

import pytest

from shared.permissions import Permission
from tests.contract.conftest import Board
from tests.support.api import Answer, Api
from tests.support.eventually import eventually
from tests.support.organisation import Organisation, Somebody

READS = (Permission.AUDIT_VIEW, Permission.DEPARTMENT_MANAGE)


@pytest.fixture
def organisation(board: Board) -> Organisation:
    return Organisation(board.admin)


async def listed(api: Api, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get(f"/v1/audit?{query}")).data["list"]
    return found


async def exported(api: Api, query: str = "") -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/audit/export?{query}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.raw.splitlines()]


async def renamed(api: Api, department_id: int, **headers: str) -> Answer:
    body = {"name": f"renamed {uuid.uuid4().hex}", "status": 1}
    return await api.put(f"/v1/departments/{department_id}", body, **headers)


async def test_an_entry_says_who_did_what_when_why_and_where(board: Board, organisation: Organisation) -> None:
    department = await organisation.department()
    request_id = uuid.uuid4().hex
    answer = await renamed(
        board.admin, department, **{"X-Request-Id": request_id, "X-Reason": quote("工单 4711 (50%)")}
    )
    assert answer.status == 200
    [entry] = await listed(board.other, f"requestId={request_id}")
    assert entry["actor"] == {"kind": "user", "id": board.admin_id, "name": "first@example.com"}
    assert (entry["action"], entry["entity"], entry["entityId"]) == ("department.update", "department", department)
    assert (entry["departmentId"], entry["reason"], entry["requestId"]) == (department, "工单 4711 (50%)", request_id)
    assert entry["before"]["name"] == "a department"
    assert entry["after"] == answer.data
    assert entry["at"] == answer.data["updatedAt"]
    assert entry["node"].endswith(f":{board.cluster.nodes[0].url.rpartition(':')[2]}")

    async def is_sealed() -> bool:
        [again] = await listed(board.admin, f"requestId={request_id}")
        return bool(again["seal"]) and again | {"seal": None} == entry | {"seal": None}

    await eventually(is_sealed, what="its seal")


async def test_a_reason_may_be_sent_as_it_is_typed(board: Board, organisation: Organisation) -> None:
    department = await organisation.department()
    # as the client sends it, and curl what is typed at a terminal: UTF-8, byte by byte
    await renamed(board.admin, department, **{"X-Reason": "搬家"})
    assert [entry["reason"] for entry in await listed(board.admin, f"departmentId={department}")] == ["搬家", None]


@pytest.mark.parametrize("reason", ["%00", "a%0ab", "%ff", "x" * 501])
async def test_a_reason_that_cannot_be_kept_is_refused_and_nothing_is_changed(
    board: Board, organisation: Organisation, reason: str
) -> None:
    department = await organisation.department()
    answer = await renamed(board.admin, department, **{"X-Reason": reason})
    assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), ["X-Reason"])
    assert (await board.admin.get(f"/v1/departments/{department}")).data["version"] == 1


async def test_filters_choose(board: Board, organisation: Organisation) -> None:
    department = await organisation.department()
    somebody = await organisation.somebody(department, READS)
    await renamed(somebody.api, await below(somebody, department))
    mine = f"actorId={somebody.id}"
    actions = [entry["action"] for entry in await listed(board.admin, mine)]
    assert actions == ["department.update", "department.create"]
    [created] = await listed(board.admin, f"{mine}&action=department.create")
    assert await listed(board.admin, f"{mine}&entity=department&entityId={created['entityId']}&size=1&page=2") == [
        created | {"seal": (await listed(board.admin, f"{mine}&size=1&page=2"))[0]["seal"]}
    ]
    assert await listed(board.admin, f"{mine}&entity=user") == []
    at = created["at"]
    assert len(await listed(board.admin, f"{mine}&since={at}")) == 2
    assert created["id"] not in [e["id"] for e in await listed(board.admin, f"{mine}&until={at}")]
    assert await listed(board.admin, f"{mine}&since=2100-01-01T08:00:00%2B08:00") == []


async def below(somebody: Somebody, department_id: int) -> int:
    """A department below another, made by this person."""
    answer = await somebody.api.post("/v1/departments", {"name": "below", "parentId": department_id, "status": 1})
    return int(answer.data["id"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("acter=1", "acter"),
        ("actorId=x", "actorId"),
        ("since=yesterday", "since"),
        ("until=2026-01-01T00:00:00", "until"),
        ("since=0001-01-01T00:00:00%2B10:00", "since"),
        ("action=", "action"),
    ],
)
async def test_a_wrong_filter_is_named(board: Board, query: str, field: str) -> None:
    for path in ("/v1/audit", "/v1/audit/export"):
        answer = await board.admin.get(f"{path}?{query}")
        assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), [field])
    assert (await board.admin.get("/v1/audit/export?page=1")).fields_at_fault == ["page"]


async def test_an_export_is_the_list_from_its_other_end(board: Board, organisation: Organisation) -> None:
    department = await organisation.department()
    for _ in range(3):
        await renamed(board.admin, department)

    async def all_sealed() -> bool:
        return all(entry["seal"] for entry in await listed(board.admin, f"departmentId={department}"))

    await eventually(all_sealed, what="the seals")
    found = await exported(board.admin, f"departmentId={department}")
    assert len(found) == 4
    assert found[::-1] == await listed(board.admin, f"departmentId={department}")


async def test_an_export_goes_on_past_what_is_read_at_once(board: Board, organisation: Organisation) -> None:
    total = (await board.admin.get("/v1/audit")).data["total"]
    await asyncio.gather(*(organisation.department() for _ in range(502 - total)))
    found = await exported(board.admin)
    assert len(found) >= 502
    ids = [entry["id"] for entry in found]
    assert ids == sorted(set(ids))
    assert (await board.admin.get("/v1/audit")).data["total"] == len(found)


async def test_nobody_reads_of_another_department_or_of_none(board: Board, organisation: Organisation) -> None:
    here, elsewhere = await organisation.department(), await organisation.department()
    auditor = await organisation.somebody(here, READS)
    await renamed(board.admin, elsewhere)
    await renamed(board.admin, await below(auditor, here))
    page = (await auditor.api.get("/v1/audit?size=100")).data
    # the department, the account of the auditor, the department below and its new name; no role: it is of no department
    assert page["total"] == 4
    assert {entry["entity"] for entry in page["list"]} == {"department", "user"}
    assert elsewhere not in {entry["departmentId"] for entry in page["list"]}
    by_id = [entry["id"] for entry in await exported(auditor.api)]
    assert by_id == [entry["id"] for entry in page["list"]][::-1]
    assert await listed(auditor.api, f"departmentId={elsewhere}") == []
    assert await exported(auditor.api, "entity=role") == []
    assert (await board.admin.get("/v1/audit?entity=role")).data["total"] >= 1
