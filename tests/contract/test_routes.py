"""The table of routes is the whole truth: nothing is served past it, and nothing in it is open by omission."""

from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route, WebSocketRoute

from api_node.app import build_app
from api_node.node import Node
from api_node.routes import SOCKETS, TABLE, Entry, guard
from queue_service.transport.app import GUARDED as GUARDED_ROUTES
from queue_service.transport.app import OPEN as OPEN_ROUTES
from shared.clock import SystemClock
from shared.permissions import Permission
from shared.settings import Settings
from tests.contract.conftest import Board
from tests.support.api import Api
from tests.support.writer import SECRET

OPEN = {
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/refresh"),
    ("POST", "/api/auth/logout"),
    ("POST", "/v1/auth/login"),
    ("POST", "/v1/auth/refresh"),
    ("POST", "/v1/auth/logout"),
    ("POST", "/v1/auth/logout-all"),
    *(
        ("GET", path)
        for path in (
            "/",
            "/api/openapi.json",
            "/api/docs",
            "/api-docs",
            "/api/ws",  # says only that it takes a WebSocket, which wants a ticket
            "/api/health",
            "/livez",
            "/readyz",
            "/metrics",
            "/health",
            "/health/database",
            "/health/redis",
            "/api/v1/health",
            "/api/v1/health/database",
            "/api/v1/health/redis",
            "/v1/health",
        )
    ),
}
QUEUE_ROUTES = [
    ("POST", "/api/queue/job"),
    ("POST", "/api/queue/jobs"),
    ("GET", "/api/queue/status"),
    ("GET", "/internal/events"),
    ("POST", "/internal/units/claim"),
    ("POST", "/internal/units/beat"),
    ("POST", "/internal/units/outlook"),
    ("POST", "/internal/queues/flow"),
    ("POST", "/internal/jobs/finished"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, jwt_secret=SECRET, queue_secret=SECRET)


def _served(routes: list[Any]) -> set[tuple[str, str]]:
    sockets = {("WS", route.path) for route in routes if isinstance(route, WebSocketRoute)}
    plain = [route for route in routes if not isinstance(route, WebSocketRoute)]
    assert all(isinstance(route, Route) for route in plain)
    return sockets | {(m, route.path) for route in plain for m in route.methods if m != "HEAD"}


def test_the_node_serves_the_table_and_nothing_else(settings: Settings) -> None:
    rows = {(e.method, e.path) for e in TABLE} | {("WS", e.path) for e in SOCKETS}
    assert _served(build_app(Node.build(settings, SystemClock(), on_broken=lambda: None)).routes) == rows
    assert {e.policy for e in SOCKETS} <= set(Permission)
    assert len({(e.method, e.path) for e in TABLE}) == len(TABLE)


def test_what_is_open_is_written_down_here_too() -> None:
    assert {(e.method, e.path) for e in TABLE if e.policy == "open"} == OPEN


def test_a_row_without_a_policy_cannot_be_built() -> None:
    with pytest.raises(TypeError):
        Entry("GET", "/api/secret", TABLE[0].handler)  # type: ignore[call-arg]
    for policy in (None, "", "public", "board:everything"):
        with pytest.raises(ValueError, match="is not a valid Permission"):
            guard(Entry("GET", "/api/secret", TABLE[0].handler, policy))  # type: ignore[arg-type]


def test_the_queue_service_guards_everything_but_health() -> None:
    assert {(route.method, route.path) for route in OPEN_ROUTES} == {("GET", "/api/health")}
    assert {(route.method, route.path) for route in GUARDED_ROUTES} == set(QUEUE_ROUTES)


@pytest.mark.parametrize(
    "authorization", [None, "Bearer ", "Bearer wrong", f"bearer {SECRET}x", f"Basic {SECRET}", SECRET]
)
@pytest.mark.parametrize(
    ("method", "path"),
    QUEUE_ROUTES,
)
async def test_the_queue_service_wants_its_secret(
    queue_door: Api, method: str, path: str, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = await queue_door(method, path, {"type": "delete-task", "data": {"taskId": 1}}, headers=headers)
    assert (answer.status, answer.body["errorCode"]) == (401, "unauthenticated")


async def test_a_persons_token_does_not_open_the_queue_service(board: Board, queue_door: Api) -> None:
    assert (await Api(queue_door.http, board.admin.token).get("/api/queue/status")).status == 401


@pytest.mark.parametrize(
    "path", ["/nothing", "/api", "/api/tasks/", "/api/tasks/1/x", "/api/TASKS", "/v1/shutdown", "/internal/events"]
)
async def test_a_path_that_is_not_in_the_table_is_not_found_for_anyone(board: Board, path: str) -> None:
    for api in (board.stranger, board.admin):
        answer = await api.get(path)
        assert (answer.status, answer.body["errorCode"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "PROPFIND", "TRACE"])
async def test_another_method_is_refused_with_the_ones_there_are(board: Board, method: str) -> None:
    answer = await board.admin(method, "/api/tasks")
    assert (answer.status, answer.body["errorCode"]) == (405, "method_not_allowed")
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "POST"}


async def test_head_is_get_without_the_body(board: Board) -> None:
    path = f"/api/tasks/{(await board.admin.new_task())['id']}"
    get, head = await board.admin.get(path), await board.admin("HEAD", path)
    assert (head.status, head.raw) == (200, b"")
    assert {k: head.headers[k] for k in ("ETag", "Content-Length", "Content-Type")} == {
        k: get.headers[k] for k in ("ETag", "Content-Length", "Content-Type")
    }
    assert (await board.stranger("HEAD", path)).status == 401
