"""What an operator sees of the edge: its metrics on a door of their own, its logs without a token."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cli.cluster import Cluster
from shared.settings import Settings
from tests.acceptance.running_edge import Edge, running_edge
from tests.support.eventually import eventually

SECRETS = ("t0ken-of-somebody", "t1cket-of-somebody", "c00kie-of-somebody")
TELLING = {"Authorization": f"Bearer {SECRETS[0]}", "Cookie": f"session={SECRETS[2]}"}
TELLING_PATH = f"/x?token={SECRETS[0]}&ticket={SECRETS[1]}"


async def _metrics(edge: Edge, path: str = "/metrics") -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{edge.metrics_port}{path}") as response:
        return response.status, await response.text()


def _counted(metrics: str, code: int) -> int:
    """Requests of the public door that were answered with `code`."""
    found = re.findall(
        rf'^caddy_http_request_duration_seconds_count{{code="{code}",handler="subroute",method="POST",'
        r'server="edge"} (\d+)$',
        metrics,
        re.MULTILINE,
    )
    return sum(map(int, found))


def _file_options(folder: Path) -> dict[str, str]:
    """What `console up` tells the edge about its log files."""
    stages = Cluster(Settings(log_dir=str(folder)), {}, caddy="caddy").stages()
    return {
        name: value for name, value in stages[-1][0].environ.items() if name in ("EDGE_LOG_DIR", "EDGE_MORE_OPTIONS")
    }


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _written_files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.log"))


async def test_its_metrics_count_what_went_through_it(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge:
        _, before = await _metrics(edge)
        for _ in range(3):
            await edge.ask("/x", "POST")
        status, after = await _metrics(edge)

        assert status == 200
        assert _counted(after, 200) - _counted(before, 200) == 3
        healthy = re.findall(
            r'^caddy_reverse_proxy_upstreams_healthy{upstream="(?:tcp/)?(.+)"} 1$', after, re.MULTILINE
        )
        assert set(healthy) == {f"127.0.0.1:{node.port}" for node in edge.nodes}


async def test_the_door_of_the_metrics_has_nothing_else_and_the_public_one_no_metrics(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge:
        assert (await edge.ask("/metrics"))[0] == 404
        for path in ("/", "/api/tasks", "/metrics/x", "/config/"):
            assert (await _metrics(edge, path))[0] == 404
        assert edge.seen("/api/tasks") == 0


async def test_no_label_of_its_metrics_is_chosen_by_strangers(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge:
        await edge.ask("/x", "PURGE", headers={"Host": "stranger.example"})
        _, text = await _metrics(edge)

        assert "stranger" not in text
        assert "PURGE" not in text


async def test_a_log_of_the_edge_holds_no_token_whatever_went_wrong(tmp_path: Path) -> None:
    async with running_edge(tmp_path, EDGE_LOG_LEVEL="DEBUG", **_file_options(tmp_path / "logs")) as edge:
        await edge.ask(TELLING_PATH, headers=TELLING)
        for node in edge.nodes:
            await node.stop()
        status, _ = await edge.ask(TELLING_PATH, headers=TELLING)
        assert status in (502, 503)
        error_file = tmp_path / "logs" / "edge.error.log"
        await eventually(lambda: any('"status":50' in line for line in edge.printed) and bool(_lines(error_file)))
        written = "".join([*edge.printed, *(file.read_text() for file in (tmp_path / "logs").iterdir())])

    assert "/x" in written
    assert [secret for secret in SECRETS if secret in written] == []


async def test_its_files_have_every_request_with_its_id_and_every_error_apart(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    async with running_edge(tmp_path, **_file_options(folder)) as edge:
        await edge.ask("/x", headers={"X-Request-Id": "mine-1"})
        for node in edge.nodes:
            await node.stop()
        await edge.ask("/y", headers={"X-Request-Id": "mine-2"})
        access, error = folder / "edge.access.log", folder / "edge.error.log"
        await eventually(lambda: {"mine-1", "mine-2"} <= {line.get("request_id") for line in _lines(access)})
        await eventually(lambda: "mine-2" in {line.get("request_id") for line in _lines(error)})

        assert "mine-1" not in {line.get("request_id") for line in _lines(error)}
        assert {stat.S_IMODE(file.stat().st_mode) for file in (access, error)} == {0o640}


async def test_without_a_folder_it_writes_no_file(tmp_path: Path) -> None:
    options = dict.fromkeys(_file_options(tmp_path), "")
    async with running_edge(tmp_path / "state", **options) as edge:
        await edge.ask("/x")
    assert _written_files(tmp_path) == []


@pytest.mark.parametrize(("given", "port", "expected"), [(0, 8080, 9180), (0, 65000, 63900), (7, 8080, 7)])
def test_its_metrics_are_beside_it_unless_a_port_is_given(given: int, port: int, expected: int) -> None:
    settings = Settings(edge_port=port, edge_metrics_port=given)

    assert settings.metrics_port == expected
    (edge,) = Cluster(settings, {}, caddy="caddy").stages()[-1]
    assert edge.environ["EDGE_METRICS_PORT"] == str(expected)
    assert "import" not in edge.environ["EDGE_MORE_OPTIONS"]
