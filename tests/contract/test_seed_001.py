"""Seed 001's requests as they are printed there, field by field, against real processes."""

import re
from typing import Any

import pytest

from tests.contract.conftest import Board
from tests.support.api import Answer, Api

INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
NEW_TASK = """{
  "name": "示例任务",
  "taskType": "DATA_PROCESSING",
  "priority": 1,
  "config": {
    "inputFile": "data.csv",
    "outputFormat": "json"
  }
}"""
NEW_UNIT = """{
  "id": "worker-001",
  "unitType": "DATA_PROCESSING",
  "unitName": "数据处理单元",
  "capacity": 5,
  "endpoint": "http://worker-001:8080"
}"""
NEW_STATUS = """{
  "status": "RUNNING",
  "reason": "任务开始执行"
}"""
HEARTBEAT = """{
  "currentLoad": 2,
  "metadata": {
    "cpuUsage": 45.2,
    "memoryUsage": 67.8
  }
}"""


@pytest.fixture
def api(board: Board) -> Api:
    return board.admin


async def printed(api: Api, path: str, body: str, method: str = "POST") -> Answer:
    return await api(method, path, raw=body.encode())


def succeeded(answer: Answer, status: int = 200) -> Any:
    """The data of a success in the seed's envelope."""
    assert answer.status == status, answer
    assert (answer.body["success"], answer.body["message"]) == (True, "success")
    assert INSTANT.match(answer.body["timestamp"])
    return answer.body["data"]


def shows(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert {name: found.get(name) for name in expected} == expected


async def test_the_chapter_on_tasks(api: Api) -> None:
    made = succeeded(await printed(api, "/api/v1/tasks", NEW_TASK), 201)
    shows(
        made,
        {
            "name": "示例任务",
            "taskType": "DATA_PROCESSING",
            "priority": 1,
            "config": {"inputFile": "data.csv", "outputFormat": "json"},
            "status": "PENDING",
        },
    )
    page = succeeded(await api.get("/api/v1/tasks?page=1&limit=10&status=PENDING"))
    shows(page, {"page": 1, "limit": 10})
    assert made["id"] in [task["id"] for task in page["items"]]
    assert {task["status"] for task in page["items"]} == {"PENDING"}
    assert page["total"] >= len(page["items"])
    shows(succeeded(await api.get(f"/api/v1/tasks/{made['id']}")), made)
    changed = succeeded(await printed(api, f"/api/v1/tasks/{made['id']}/status", NEW_STATUS, "PUT"))
    shows(changed, {"id": made["id"], "status": "RUNNING"})
    events = succeeded(await api.get(f"/api/v1/tasks/{made['id']}/history"))["items"]
    assert [(event["event"], event["reason"]) for event in events][1] == ("begin", "任务开始执行")


async def test_the_chapter_on_execution_units(api: Api) -> None:
    registered = succeeded(await printed(api, "/api/v1/execution-units/register", NEW_UNIT), 201)
    unit = {
        "id": "worker-001",
        "unitType": "DATA_PROCESSING",
        "unitName": "数据处理单元",
        "capacity": 5,
        "endpoint": "http://worker-001:8080",
        "status": "ONLINE",
    }
    shows(registered, unit | {"currentLoad": 0})
    path = "/api/v1/execution-units/worker-001"
    beaten = succeeded(await printed(api, f"{path}/heartbeat", HEARTBEAT))
    shows(beaten, unit | {"currentLoad": 2, "metadata": {"cpuUsage": 45.2, "memoryUsage": 67.8}})
    shows(succeeded(await api.get(path)), unit)
    for listed in ("", "/available"):
        assert "worker-001" in [
            one["id"] for one in succeeded(await api.get(f"/api/v1/execution-units{listed}"))["items"]
        ]
    assert succeeded(await api.get("/api/v1/execution-units/statistics"))["total"] >= 1
    gone = await api.delete(path)
    assert (gone.status, gone.raw) == (204, b"")


async def test_a_failure_has_the_envelope_of_the_door(api: Api) -> None:
    answer = await api.get("/api/v1/tasks/4711471147114711")
    assert (answer.status, answer.body["success"], answer.body["data"]) == (404, False, None)
    assert answer.body["message"] == "资源不存在"
    assert INSTANT.match(answer.body["timestamp"])


@pytest.mark.parametrize("path", ["/api/v1/health", "/health", "/health/database", "/health/redis"])
async def test_the_health_checks(board: Board, path: str) -> None:
    assert (await board.stranger.get(path)).status == 200
