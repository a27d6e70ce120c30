"""The edge's own errors tell browsers what a node's answers do: nothing of them may run, allowed pages may read."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.http.headers import SECURITY
from tests.acceptance.running_edge import Edge, running_edge

ALLOWED = "https://pages.example.com"


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    async with running_edge(tmp_path, CORS_ORIGINS=f"http://localhost:5173, {ALLOWED}") as running:
        yield running


@pytest.mark.parametrize("path", ["/metrics", "/v1/shutdown", "/api/tasks", "/api/v1/tasks"])
async def test_an_error_of_the_edge_has_the_security_headers(edge: Edge, path: str) -> None:
    for node in edge.nodes:
        await node.stop()
    async with edge.client.get(path) as response:
        assert response.status in (404, 502, 503)
        for name, value in SECURITY:
            assert response.headers.getall(name.decode()) == [value.decode()]
        assert "Server" not in response.headers
        assert "Strict-Transport-Security" not in response.headers
        json.loads(await response.text())


@pytest.mark.parametrize("origin", [ALLOWED, "http://localhost:5173"])
async def test_an_allowed_page_can_read_an_error_of_the_edge(edge: Edge, origin: str) -> None:
    async with edge.client.get("/metrics", headers={"Origin": origin}) as response:
        assert response.status == 404
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert response.headers["Vary"] == "Origin"
        assert "X-Request-Id" in response.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "pages.example.com", f"{ALLOWED},x"])
async def test_another_page_cannot(edge: Edge, origin: str | None) -> None:
    async with edge.client.get("/metrics", headers={"Origin": origin} if origin else {}) as response:
        assert response.status == 404
        assert not [name for name in response.headers if name.startswith("Access-Control")]


async def test_without_the_setting_nobody_can(tmp_path: Path) -> None:
    async with (
        running_edge(tmp_path) as edge,
        edge.client.get("/metrics", headers={"Origin": ALLOWED}) as response,
    ):
        assert response.status == 404
        assert not [name for name in response.headers if name.startswith("Access-Control")]
