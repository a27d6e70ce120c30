"""`/api/v1/tasks`: jobs are submitted, one or many, listed and read; every rule of the door, on both nodes."""

import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from shared.permissions import Permission
from tests.contract.conftest import Board
from tests.support.api import Answer, Api
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.organisation import Organisation, Somebody
from tests.support.unit import Unit, submitted

OF_JOBS = (Permission.TASK_CREATE, Permission.TASK_VIEW, Permission.UNIT_MANAGE)
PATH = "/api/v1/tasks"


@pytest.fixture
def organisation(board: Board) -> Organisation:
    return Organisation(board.admin)


@pytest.fixture
async def mine(organisation: Organisation) -> Somebody:
    """Somebody of a department in which nothing is yet."""
    return await organisation.somebody(await organisation.department(), OF_JOBS)


async def page(api: Api, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"{PATH}?{query}")).data
    return found


async def batch(api: Api, tasks: list[Any], **headers: str) -> Answer:
    return await api.post(f"{PATH}/batch", {"tasks": tasks}, **headers)


def job(name: str = "a job", **members: Any) -> dict[str, Any]:
    return {"name": name, "taskType": "T"} | members


async def test_a_job_is_as_it_was_submitted_and_the_rest_is_by_default(board: Board, mine: Somebody) -> None:
    new = job(config={"a": None, "b": [1.5, {"c": "ü"}]}, labels={"team": "报表"}, tags=["x"])
    answer = await mine.api.post(PATH, new)
    assert (answer.status, answer.body["success"], answer.body["message"]) == (201, True, "success")
    assert answer.data.items() >= new.items()
    by_default = {
        "status": "PENDING",
        "reason": "ready",
        "priority": 5,
        "queue": "default",
        "maxAttempts": 3,
        "timeoutS": 60,
        "backoff": {"type": "exponential", "delayMs": 1000, "maxMs": 300_000, "jitter": True},
        "attempt": 0,
        "errorCount": 0,
        "departmentId": mine.department_id,
        "version": 1,
    }
    assert answer.data.items() >= by_default.items()
    assert answer.headers["ETag"] == '"v1"'
    read = await Api(board.other.http, mine.api.token).get(f"{PATH}/{answer.data['id']}")
    assert read.data == answer.data | {"attempts": []}
    assert read.headers["ETag"] == '"v1"'


async def test_a_client_names_its_own_attempts_and_time(mine: Somebody) -> None:
    own = {"maxAttempts": 7, "priority": 0, "delayMs": 60_000, "backoff": {"type": "fixed"}}
    made = await submitted(mine.api, "T", **own)
    assert (made["maxAttempts"], made["priority"], made["reason"]) == (7, 0, "scheduled")
    assert made["backoff"]["type"] == "fixed"
    at = "2099-01-01T08:00:00+08:00"
    assert (await submitted(mine.api, "T", runAt=at, maxAttempts=None))["runAt"] == "2099-01-01T00:00:00.000Z"
    both = await mine.api.post(PATH, job(runAt=at, delayMs=1))
    assert (both.refusal, both.fields_at_fault) == ((422, "validation_failed"), ["body"])


async def test_labels_that_do_not_fit_are_named(mine: Somebody) -> None:
    labels = {f"{i:02}" + "😀" * 98: "😀" * 255 for i in range(50)}
    answer = await mine.api.post(PATH, job(labels=labels))
    assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), ["labels"])


async def test_the_same_key_submits_once(board: Board, mine: Somebody) -> None:
    key = uuid.uuid4().hex
    first = await mine.api.post(PATH, job(), Idempotency_Key=key)
    again = await Api(board.other.http, mine.api.token).post(PATH, job(), Idempotency_Key=key)
    assert (again.status, again.data, again.headers["Idempotency-Replayed"]) == (201, first.data, "true")
    assert (await page(mine.api))["total"] == 1


async def test_each_of_a_batch_is_judged_for_itself(mine: Somebody) -> None:
    wrong = [job(priority=11), "x", None, {"taskType": "T"}, job(color="red"), job("x" * 256)]
    answer = await batch(mine.api, [job("first"), *wrong, job("last", priority=1)])
    assert answer.status == 200
    first, *bad, last = answer.data["results"]
    assert (first["status"], last["status"]) == (201, 201)
    assert first["id"] < last["id"]
    assert [(one["status"], one["errorCode"]) for one in bad] == [(422, "validation_failed")] * len(wrong)
    fields = [[error["field"] for error in one["errors"]] for one in bad]
    assert fields == [["priority"], ["body"], ["body"], ["name"], ["color"], ["name"]]
    assert all(one["message"] for one in bad)
    assert [one["name"] for one in (await page(mine.api))["items"]] == ["last", "first"]
    made = (await mine.api.get(f"{PATH}/{last['id']}")).data
    assert (made["priority"], made["maxAttempts"]) == (1, 3)


async def test_a_batch_says_what_is_wrong_in_the_language_that_is_asked_for(mine: Somebody) -> None:
    for language, words in (("zh-CN", "请求参数不正确"), ("en", "Some fields are not valid")):
        [result] = (await batch(mine.api, [{}], Accept_Language=language)).data["results"]
        assert result["message"] == words


async def test_a_batch_of_bad_ones_alone_submits_nothing(mine: Somebody) -> None:
    answer = await batch(mine.api, [{}, {}], Idempotency_Key=uuid.uuid4().hex)
    assert [one["status"] for one in answer.data["results"]] == [422, 422]
    assert "Idempotency-Replayed" not in answer.headers
    assert (await page(mine.api))["total"] == 0


async def test_one_too_large_holds_up_none_of_the_others(mine: Somebody) -> None:
    answer = await batch(mine.api, [job(), job(config={"a": "x" * (1 << 20)}), job()])
    results = answer.data["results"]
    assert [one["status"] for one in results] == [201, 413, 201]
    assert results[1]["errorCode"] == "payload_too_large"


async def test_ten_thousand_are_submitted_at_once_and_again_under_their_key(board: Board, mine: Somebody) -> None:
    # more values than any other body may have, and more than one command holds
    tasks: list[Any] = [job(f"job {i}", labels={"i": str(i)}, tags=["a", "b"]) for i in range(10_000)]
    tasks[700] = {"name": "bad"}
    key = uuid.uuid4().hex
    first = await batch(mine.api, tasks, Idempotency_Key=key)
    results = first.data["results"]
    assert [place for place, one in enumerate(results) if one["status"] != 201] == [700]
    ids = [one["id"] for one in results if one["status"] == 201]
    assert ids == sorted(set(ids))
    assert len(ids) == 9_999
    again = await batch(Api(board.other.http, mine.api.token), tasks, Idempotency_Key=key)
    assert again.data["results"] == results
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await page(mine.api))["total"] == 9_999
    # past ten thousand nobody counts
    assert "totalIsCapped" not in await page(mine.api)
    await batch(mine.api, tasks[:2])
    capped = await page(mine.api, "limit=1")
    assert (capped["total"], capped["totalIsCapped"]) == (10_000, True)


async def test_another_batch_under_the_same_key_submits_nothing(mine: Somebody) -> None:
    for key in (uuid.uuid4().hex, "k" * 223 + uuid.uuid4().hex):  # the second leaves no room behind it
        assert (await batch(mine.api, [job()], Idempotency_Key=key)).status == 200
        total = (await page(mine.api))["total"]
        more = await batch(mine.api, [job()] * 501, Idempotency_Key=key)
        assert more.refusal == (422, "idempotency_mismatch")
        assert (await page(mine.api))["total"] == total


async def test_a_batch_is_bounded(mine: Somebody) -> None:
    for tasks in ([], [job()] * 10_001):
        answer = await batch(mine.api, tasks)
        assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), ["tasks"])
    many = await mine.api.post(f"{PATH}/batch", {"tasks": [[0] * 100] * 5_000})
    assert many.refusal == (400, "malformed_request")


async def test_filters_choose(mine: Somebody) -> None:
    unit = Unit(mine.api)
    await unit.register()
    running = await submitted(mine.api, unit.task_type, name="Monthly report")
    [claimed] = await unit.claim()
    assert claimed["taskId"] == running["id"]
    slow = await submitted(mine.api, "SLOW", name="100% of it", queue="slow")
    plain = await submitted(mine.api, "SLOW")

    async def found(query: str) -> list[int]:
        return [one["id"] for one in (await page(mine.api, query))["items"]]

    assert await found("") == [plain["id"], slow["id"], running["id"]]
    assert await found("status=RUNNING") == [running["id"]]
    assert await found("status=RUNNING&status=PENDING") == [plain["id"], slow["id"], running["id"]]
    assert await found("status=FAILED,CANCELLED") == []
    assert await found("taskType=SLOW") == [plain["id"], slow["id"]]
    assert await found("taskType=SLOW&queue=slow") == [slow["id"]]
    assert await found("name=MONTHLY") == [running["id"]]
    assert await found("name=0%25 o") == [slow["id"]]
    assert await found("name=%25") == [slow["id"]]
    assert await found("name=_") == []


async def test_pages_go_by_number_or_by_cursor(mine: Somebody) -> None:
    results = (await batch(mine.api, [job() for _ in range(25)])).data["results"]
    ids = [one["id"] for one in results][::-1]
    first = await page(mine.api)
    assert (first["total"], first["page"], first["limit"]) == (25, 1, 10)
    assert [one["id"] for one in first["items"]] == ids[:10]
    third = await page(mine.api, "page=3&limit=10")
    assert ([one["id"] for one in third["items"]], third["nextCursor"]) == (ids[20:], None)
    walked: list[int] = []
    query = "limit=7&taskType=T"
    while True:
        at = await page(mine.api, query)
        walked += [one["id"] for one in at["items"]]
        if at["nextCursor"] is None:
            break
        await submitted(mine.api, "T")  # what comes meanwhile shifts no page
        query = f"limit=7&taskType=T&cursor={at['nextCursor']}"
    assert walked == ids
    assert at["page"] == 4


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=RUNNING", "state"),
        ("status=running", "status"),
        ("status=", "status"),
        ("page=0", "page"),
        ("limit=101", "limit"),
        ("pageSize=5", "pageSize"),
        ("cursor=x", "cursor"),
        ("cursor=YmVmb3JlOjE6MQ&page=1", "page"),
        ("taskType=", "taskType"),
        ("name=a&name=b", "name"),
    ],
)
async def test_a_wrong_parameter_is_named(board: Board, query: str, field: str) -> None:
    answer = await board.admin.get(f"{PATH}?{query}")
    assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), [field])


async def test_a_job_tells_of_its_attempts(mine: Somebody) -> None:
    unit = Unit(mine.api)
    await unit.register()
    backoff = {"type": "fixed", "delayMs": 1, "jitter": False}
    made = await submitted(mine.api, unit.task_type, backoff=backoff)
    path = f"{PATH}/{made['id']}"
    [first] = await unit.claim()
    error = {"type": "ValueError", "message": "no such file", "trace": "line 1"}
    assert await unit.report(first, "fail", error=error) == {"status": 200}
    waiting = (await mine.api.get(path)).data
    assert (waiting["status"], waiting["errorMessage"], len(waiting["attempts"])) == ("PENDING", "no such file", 1)
    [second] = await unit.claim(wait_s=5)
    running = (await mine.api.get(path)).data
    failed, now = running["attempts"]
    assert (failed["attempt"], failed["outcome"], failed["error"]) == (1, "failed", error)
    assert (now["attempt"], now["executionUnitId"], now["outcome"], now["endedAt"]) == (2, unit.id, None, None)
    assert await unit.report(second, "complete", result={"rows": 3}) == {"status": 200}
    done = (await mine.api.get(path)).data
    assert (done["status"], done["result"], done["executionUnitId"]) == ("COMPLETED", {"rows": 3}, unit.id)
    assert [one["outcome"] for one in done["attempts"]] == ["failed", "completed"]
    assert done["attempts"][1]["endedAt"] == done["completedAt"]

    events = (await mine.api.get(f"{path}/history")).data["items"]
    told = [(event["event"], event["attempt"], event["outcome"], event["status"]) for event in events]
    assert told == [
        ("created", None, None, None),
        ("started", 1, None, None),
        ("ended", 1, "failed", None),
        ("started", 2, None, None),
        ("ended", 2, "completed", None),
        ("completed", None, None, "COMPLETED"),
    ]
    assert {event["executionUnitId"] for event in events[1:5]} == {unit.id}
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert (events[0]["at"], events[-1]["at"]) == (done["createdAt"], done["completedAt"])


async def test_a_running_attempt_is_in_the_history_too(mine: Somebody) -> None:
    unit = Unit(mine.api)
    await unit.register()
    made = await submitted(mine.api, unit.task_type)
    await unit.claim()
    events = (await mine.api.get(f"{PATH}/{made['id']}/history")).data["items"]
    assert [(event["event"], event["attempt"]) for event in events] == [("created", None), ("started", 1)]


async def test_of_many_attempts_the_newest_are_shown(mine: Somebody, kept: Database) -> None:
    unit = Unit(mine.api)
    await unit.register()
    made = await submitted(mine.api, unit.task_type)
    [claimed] = await unit.claim()
    insert = (
        "INSERT INTO job_attempt (job_id, attempt, execution_unit_id, lease_token, outcome, started_at, ended_at)"
        " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 501)"
        " SELECT id, i, 'u', lease_token, 'released', started_at, started_at FROM job, n WHERE id = :id"
    )
    kept.rows("UPDATE job SET attempt = 502, version = version + 1 WHERE id = :id", id=made["id"])
    kept.rows(insert, id=made["id"])
    shown = (await mine.api.get(f"{PATH}/{made['id']}")).data["attempts"]
    assert [one["attempt"] for one in shown] == list(range(2, 503))
    assert await unit.report(claimed | {"attempt": 502}, "complete") == {"status": 200}
    shown = (await mine.api.get(f"{PATH}/{made['id']}")).data["attempts"]
    assert [(one["attempt"], one["outcome"]) for one in (shown[0], shown[-1])] == [(3, "released"), (502, "completed")]


async def test_nobody_sees_a_job_of_another_department(
    board: Board, organisation: Organisation, mine: Somebody
) -> None:
    below = await organisation.somebody(await organisation.department(mine.department_id), OF_JOBS)
    elsewhere = await organisation.somebody(await organisation.department(), OF_JOBS)
    own, theirs = await submitted(mine.api, "T"), await submitted(below.api, "T")
    assert [one["id"] for one in (await page(mine.api))["items"]] == [theirs["id"], own["id"]]
    assert [one["id"] for one in (await page(below.api))["items"]] == [theirs["id"]]
    assert (await page(elsewhere.api))["items"] == []
    assert (await below.api.get(f"{PATH}/{own['id']}")).refusal == (404, "not_found")
    assert (await elsewhere.api.get(f"{PATH}/{own['id']}/history")).refusal == (404, "not_found")
    assert (await board.admin.get(f"{PATH}/{own['id']}")).status == 200


async def test_a_program_submits_in_its_own_department(organisation: Organisation, mine: Somebody) -> None:
    program = await organisation.program(mine.department_id, [Permission.TASK_CREATE])
    made = await submitted(program.api, "T")
    assert made["departmentId"] == mine.department_id
    assert (await program.api.get(PATH)).refusal == (403, "forbidden")
    assert (await mine.api.get(f"{PATH}/{made['id']}")).status == 200


async def test_what_the_writer_refuses_on_the_way_is_told_of_each_and_done_the_next_time(
    database: Database, tmp_path: Path
) -> None:
    small = {"QUEUE_INTAKE_BYTES": str(1 << 20), "TASK_MAX_RETRY_COUNT": "5"}
    async with Cluster(database.url, tmp_path, nodes=1, **small) as running:
        _, token = await running.register()
        admin = Api(running.client(), token)
        # as much as one task may have, with its command around it more than this writer holds
        too_much = job(config={"a": "x" * ((1 << 20) - 100)})
        tasks = [job("first"), too_much, job("last")]
        answer = await batch(admin, tasks, Idempotency_Key="the-batch")
        first, *refused = answer.data["results"]
        assert answer.status == 200
        assert [(one["status"], one["errorCode"], one["outcome"]) for one in refused] == [
            (503, "queue_full", "not_applied"),
            (503, "queue_full", "not_applied"),
        ]
        again = await batch(admin, tasks, Idempotency_Key="the-batch")
        assert again.data["results"] == answer.data["results"]
        assert (await page(admin))["total"] == 1
        # nothing of it was submitted: the request as a whole is refused
        assert (await batch(admin, [too_much, job()])).refusal == (503, "queue_full")
        assert (await admin.get(f"{PATH}/{first['id']}")).data["maxAttempts"] == 5


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("status:FAILED", ["mail c"]),
        ("type:MAIL_*", ["mail c", "mail b"]),
        ("type:MAIL_A,OTHER", ["Report d", "mail b"]),
        ("queue:slow mail", ["mail b"]),
        ("tag:monthly", ["Report d", "mail c"]),
        ("tag:monthly tag:last", ["Report d"]),
        ("tag:month", []),
        ('error:"no ROUTE"', ["mail c"]),
        ("unit:{unit}", ["mail c"]),
        ("report", ["Report d"]),
        ("after:1h", ["Report d", "mail c", "mail b", "100%"]),
        ("before:1h", []),
        ("%", ["100%"]),
        ("type:M_*", []),
    ],
)
async def test_a_query_finds_what_it_says(mine: Somebody, q: str, found: list[str]) -> None:
    unit = Unit(mine.api, task_type="MAIL_B")
    await unit.register()
    for new in (
        job("100%"),
        job("mail b", taskType="MAIL_A", queue="slow"),
        job("mail c", taskType="MAIL_B", tags=["monthly"], maxAttempts=1),
        job("Report d", taskType="OTHER", tags=["last", "monthly"]),
    ):
        assert (await mine.api.post(PATH, new)).status == 201
    [claimed] = await unit.claim(wait_s=5)
    assert await unit.report(claimed, "fail", error={"message": "there is no route"}) == {"status": 200}
    query = urlencode({"q": q.format(unit=unit.id)})
    assert [one["name"] for one in (await page(mine.api, query))["items"]] == found


async def test_another_job_with_the_unique_key_is_the_answer(board: Board, mine: Somebody) -> None:
    first = await mine.api.post(PATH, job(uniqueKey="month-end", config={"n": 1}))
    assert (first.status, first.data["uniqueKey"], first.data["uniqueUntil"]) == (201, "month-end", None)
    again = await Api(board.other.http, mine.api.token).post(PATH, job("another", uniqueKey="month-end"))
    assert (again.status, again.data) == (200, first.data | {"conflict": True})
    assert again.headers["ETag"] == '"v1"'
    refused = await mine.api.post(PATH, job(uniqueKey="month-end", uniqueMode="reject"))
    assert (refused.status, refused.body["errorCode"], refused.body["current"]) == (409, "unique_conflict", first.data)
    waited = await mine.api.post(PATH, job(uniqueKey="month-end"), Prefer="wait=1")
    assert (waited.status, waited.data["id"], waited.data["conflict"]) == (200, first.data["id"], True)
    replacing = await mine.api.post(PATH, job(uniqueKey="month-end", uniqueMode="replace", uniqueForS=60))
    assert replacing.status == 201
    assert replacing.data["uniqueUntil"] > replacing.data["createdAt"]
    replaced = (await mine.api.get(f"{PATH}/{first.data['id']}")).data
    assert (replaced["status"], replaced["errorMessage"]) == ("CANCELLED", f"replaced by job {replacing.data['id']}")
    assert (await page(mine.api))["total"] == 2


async def test_the_same_key_in_a_batch_is_told_of_each(mine: Somebody) -> None:
    tasks = [job(uniqueKey="k"), job(uniqueKey="k"), job(), job(uniqueKey="k", uniqueMode="reject")]
    first, same, other, refused = (await batch(mine.api, tasks)).data["results"]
    assert (first["status"], other["status"]) == (201, 201)
    assert same == {"status": 200, "id": first["id"], "conflict": True}
    assert (refused["status"], refused["errorCode"], refused["id"]) == (409, "unique_conflict", first["id"])
    assert refused["message"]
    assert (await page(mine.api))["total"] == 2


async def test_who_may_not_see_jobs_is_shown_little_of_one_in_the_way(
    organisation: Organisation, mine: Somebody
) -> None:
    submitter = await organisation.somebody(mine.department_id, (Permission.TASK_CREATE,))
    first = (await mine.api.post(PATH, job(uniqueKey="k", config={"secret": "x"}))).data
    brief = {"id": first["id"], "status": "PENDING", "uniqueKey": "k", "version": 1}
    again = await submitter.api.post(PATH, job(uniqueKey="k"))
    assert (again.status, again.data) == (200, brief | {"conflict": True})
    refused = await submitter.api.post(PATH, job(uniqueKey="k", uniqueMode="reject"))
    assert (refused.status, refused.body["current"]) == (409, brief)


async def test_whose_job_may_be_replaced(organisation: Organisation, mine: Somebody) -> None:
    submitter = await organisation.somebody(mine.department_id, (Permission.TASK_CREATE,))
    changer = await organisation.somebody(mine.department_id, (Permission.TASK_CREATE, Permission.TASK_UPDATE))
    assert (await mine.api.post(PATH, job(uniqueKey="k"))).status == 201
    for mode in ("replace", "reject"):
        refused = await submitter.api.post(PATH, job(uniqueKey="k", uniqueMode=mode))
        assert (refused.status, refused.body["errorCode"]) == (409, "unique_conflict")
    [result] = (await batch(submitter.api, [job(uniqueKey="k", uniqueMode="replace")])).data["results"]
    assert (result["status"], result["errorCode"]) == (409, "unique_conflict")
    # one's own, and others' as one may change those
    assert (await mine.api.post(PATH, job(uniqueKey="k", uniqueMode="replace"))).status == 201
    assert (await changer.api.post(PATH, job(uniqueKey="k", uniqueMode="replace"))).status == 201


async def test_a_unique_key_is_its_departments_own(organisation: Organisation, mine: Somebody) -> None:
    elsewhere = await organisation.somebody(await organisation.department(), OF_JOBS)
    statuses = [(await one.api.post(PATH, job(uniqueKey="k"))).status for one in (mine, elsewhere)]
    assert statuses == [201, 201]


async def test_a_mode_or_a_window_without_a_key_is_refused(mine: Somebody) -> None:
    assert (await mine.api.post(PATH, job(uniqueKey=None, uniqueMode="return", uniqueForS=None))).status == 201
    for members in ({"uniqueMode": "reject"}, {"uniqueForS": 60}):
        answer = await mine.api.post(PATH, job(**members))
        assert (answer.status, answer.body["errorCode"]) == (422, "validation_failed")
        assert "needs a uniqueKey" in answer.body["errors"][0]["message"]


async def test_a_query_that_is_wrong_says_how(mine: Somebody) -> None:
    answer = await mine.api.get(f"{PATH}?q=color:red")
    assert (answer.refusal, answer.fields_at_fault) == ((422, "validation_failed"), ["q"])
