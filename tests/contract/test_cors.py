"""Pages of other sites: those of the origins in CORS_ORIGINS may call the API and read every answer, others none."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from shared.db import migrate
from shared.origins import Origins
from shared.settings import Settings, SettingsError, load_settings
from tests.contract.conftest import Board
from tests.support.cluster import Cluster

ALLOWED = "https://pages.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}
SEEN = ("ETag", "X-Request-Id", "Retry-After", "Idempotency-Replayed", "Location", "Preference-Applied")
SENT = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Prefer", "X-Request-Id")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A node that two other sites may call."""
    directory = tmp_path_factory.mktemp("cors")
    database = f"sqlite:///{directory / 'console.db'}"
    migrate.upgrade(database)
    cluster = Cluster(database, directory, nodes=1, CORS_ORIGINS=f"{ALLOWED}, http://localhost:5173/")
    try:
        asyncio.run(cluster.__aenter__())
        yield cluster.nodes[0].url
    finally:
        asyncio.run(cluster.__aexit__(None, None, None))


@pytest.fixture
async def http(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url) as session:
        yield session


def _names(response: aiohttp.ClientResponse, header: str) -> set[str]:
    return {name.strip().lower() for name in response.headers[header].split(",")}


@pytest.mark.parametrize("origin", [ALLOWED, "http://localhost:5173"])
async def test_a_preflight_of_an_allowed_origin_says_what_may_be_sent(http: aiohttp.ClientSession, origin: str) -> None:
    async with http.options("/api/tasks/1", headers=PREFLIGHT | {"Origin": origin}) as response:
        assert (response.status, await response.read()) == (204, b"")
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert _names(response, "Access-Control-Allow-Methods") >= {"get", "post", "patch", "delete"}
        assert _names(response, "Access-Control-Allow-Headers") == {name.lower() for name in (*SENT, "Accept-Language")}
        assert int(response.headers["Access-Control-Max-Age"]) > 0
        assert response.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/health", 200),
        ("GET", "/api/tasks", 401),
        ("GET", "/api/nothing", 404),
        ("PUT", "/api/tasks", 405),
        ("POST", "/api/auth/login", 415),
        ("OPTIONS", "/api/tasks", 405),
    ],
)
async def test_every_answer_can_be_read_by_an_allowed_page(
    http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with http.request(method, path, headers={"Origin": ALLOWED}) as response:
        assert response.status == status
        assert response.headers.getall("Access-Control-Allow-Origin") == [ALLOWED]
        assert _names(response, "Access-Control-Expose-Headers") >= {name.lower() for name in SEEN}
        assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        *(None, "null", "https://evil.example", "http://pages.example.com", "https://pages.example.com:8443"),
        *("https://pages.example.com.evil.example", "https://xpages.example.com", "http://localhost"),
    ],
)
async def test_another_origin_is_told_nothing(http: aiohttp.ClientSession, origin: str | None) -> None:
    headers = {"Origin": origin} if origin else {}
    async with http.get("/api/health", headers=headers) as response:
        assert response.status == 200
        assert not [name for name in response.headers if name.startswith("Access-Control")]
        assert response.headers["Vary"] == "Origin"  # a cache must not give it to an allowed page
    async with http.options("/api/tasks", headers=headers | PREFLIGHT) as response:
        assert response.status == 405
        assert not [name for name in response.headers if name.startswith("Access-Control")]


async def test_by_default_no_other_site_may(board: Board) -> None:
    for headers in ({"Origin": ALLOWED}, {"Origin": ALLOWED} | PREFLIGHT):
        answer = await board.stranger("OPTIONS", "/api/tasks", headers=headers)
        assert answer.status == 405
        assert not [name for name in answer.headers if name.startswith("Access-Control") or name == "Vary"]


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("", set()),
        (" , ", set()),
        ("https://a.example", {"https://a.example"}),
        ("HTTPS://A.Example/, http://b:81", {"https://a.example", "http://b:81"}),
        ("https://a.example:443,http://b:80", {"https://a.example", "http://b"}),
        ("http://[::1]:5173", {"http://[::1]:5173"}),
    ],
)
def test_origins_are_taken_as_browsers_write_them(text: str, exact: set[str]) -> None:
    origins = Origins.parse(text)
    assert (set(origins.exact), bool(origins)) == (exact, bool(exact))
    assert Origins.parse(str(origins)) == origins


@pytest.mark.parametrize(
    "text",
    [
        *("a.example", "https://a.example/path", "https://a.example?x", "ftp://a.example", "https://", "null"),
        *("https://*.example", "https://a.example:99999", "https://u@a.example", "*, https://a.example"),
    ],
)
def test_what_is_no_origin_is_refused_at_start_and_named(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^CORS_ORIGINS: .* is no origin: write https://host"):
        load_settings({"CORS_ORIGINS": text}, dotenv=None)


def test_everybody_is_let_in_by_name_only_in_production() -> None:
    everybody = {"CORS_ORIGINS": "*"}
    assert "https://anything.example" in load_settings(everybody, dotenv=None).allowed_origins
    with pytest.raises(SettingsError, match=r"^CORS_ORIGINS: \* lets the pages of every site call the API"):
        load_settings(everybody | {"CONSOLE_ENV": "production"}, dotenv=None)
    assert not Settings().allowed_origins


async def test_everybody_is_an_answer_without_a_name(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'console.db'}"
    migrate.upgrade(database)
    async with Cluster(database, tmp_path, nodes=1, CORS_ORIGINS="*") as cluster:
        async with cluster.client().get("/api/tasks", headers={"Origin": "https://any.example"}) as response:
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (401, "*")
        async with cluster.client().options(
            "/api/tasks", headers=PREFLIGHT | {"Origin": "https://any.example"}
        ) as response:
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (204, "*")
