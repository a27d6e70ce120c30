"""LOG_DIR on real processes: who writes what, what is never written, and that no disk stops a service."""

import json
import stat
from pathlib import Path
from typing import Any

from shared.rotatedfile import MAX_BYTES
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.loopback import free_port
from tests.support.writer import SECRET

PASSWORD = "a-password-of-somebody"


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def _named(folder: Path, kind: str) -> set[str]:
    return {file.name.removesuffix(f".{kind}.log") for file in folder.rglob(f"*.{kind}.log")}


async def _ask(cluster: Cluster, node: int, path: str, request_id: str, token: str) -> int:
    headers = {"X-Request-Id": request_id, "Authorization": f"Bearer {token}"}
    async with cluster.client(node).get(path, headers=headers) as response:
        return response.status


async def test_each_process_has_files_of_its_own_with_ids_and_without_secrets(
    database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "logs"
    async with Cluster(database.url, tmp_path, LOG_DIR=str(folder)) as cluster:
        _, token = await cluster.register(password=PASSWORD)
        # not where a token belongs, but where somebody will put one
        statuses = [await _ask(cluster, n, f"/api/tasks?token={token}", f"mine-{n}", token) for n in range(2)]
        for node in cluster.nodes:
            assert await node.stop() == 0
        assert await cluster.queue.stop() == 0

    names = [f"api-{node.port}" for node in cluster.nodes]
    for kind in ("access", "app", "error"):
        assert _named(folder, kind) == {*names, "queue"}
    for number, name in enumerate(names):
        asked = [line for line in _lines(folder / f"{name}.access.log") if line.get("request_id") == f"mine-{number}"]
        assert [(line["event"], line["path"], line["status"]) for line in asked] == [
            ("request", "/api/tasks", statuses[number])
        ]
        assert {line["process"] for line in _lines(folder / f"{name}.access.log")} == {name.replace("-", ":")}
        assert {"serving", "drained"} <= {line["event"] for line in _lines(folder / f"{name}.app.log")}
        assert "request" not in {line["event"] for line in _lines(folder / f"{name}.app.log")}
    assert "leading" in {line["event"] for line in _lines(folder / "queue.app.log")}
    written = "".join(file.read_text() for file in folder.iterdir())
    assert [secret for secret in (token, PASSWORD, SECRET) if secret in written] == []
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o640}
    # the standard output is what it was without files
    assert "mine-0" in cluster.nodes[0].log


async def test_an_error_is_in_the_error_file_with_its_request(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    async with Cluster(database.url, tmp_path, nodes=1, LOG_DIR=str(folder)) as cluster:
        _, token = await cluster.register()
        database.rows("ALTER TABLE task_table RENAME TO elsewhere")
        assert await _ask(cluster, 0, "/api/tasks", "mine-1", token) >= 500
        name = f"api-{cluster.nodes[0].port}"
        await eventually(
            lambda: any(line.get("request_id") == "mine-1" for line in _lines(folder / f"{name}.error.log"))
        )

        assert {line["level"] for line in _lines(folder / f"{name}.error.log")} <= {"error", "critical"}


async def test_a_full_file_makes_room_while_the_node_serves(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    port = free_port()
    full = b'{"event":"before"}\n' * (MAX_BYTES // 19)
    (folder / f"api-{port}.access.log").write_bytes(full)
    cluster = Cluster(database.url, tmp_path, nodes=0, LOG_DIR=str(folder))
    cluster.add_node(port)
    async with cluster:
        _, token = await cluster.register()
        assert await _ask(cluster, 0, "/api/tasks", "mine-1", token) == 200
        await eventually(lambda: "mine-1" in (folder / f"api-{port}.access.log").read_text())

    assert (folder / f"api-{port}.access.log.1").read_bytes().startswith(full)
    assert (folder / f"api-{port}.access.log").stat().st_size < 10_000


async def test_a_full_disk_stops_nothing_and_is_told_once(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "queue.app.log").symlink_to("/dev/full")
    port = free_port()
    (folder / f"api-{port}.access.log").symlink_to("/dev/full")
    cluster = Cluster(database.url, tmp_path, nodes=0, LOG_DIR=str(folder))
    cluster.add_node(port)
    async with cluster:
        _, token = await cluster.register()
        for number in range(20):
            assert await _ask(cluster, 0, "/api/tasks", f"mine-{number}", token) == 200
        await eventually(lambda: "cannot be written" in cluster.nodes[0].log)
        await eventually(lambda: "cannot be written" in cluster.queue.log)
        assert await cluster.nodes[0].stop() == 0
        assert await cluster.queue.stop() == 0

    assert cluster.nodes[0].log.count("cannot be written") == cluster.queue.log.count("cannot be written") == 1
    assert "mine-19" in cluster.nodes[0].log


async def test_an_output_that_takes_nothing_stops_nothing_either(database: Database, tmp_path: Path) -> None:
    cluster = Cluster(database.url, tmp_path, nodes=0)
    cluster.add_node(free_port(), Path("/dev/full"))
    async with cluster:
        _, token = await cluster.register()
        assert await _ask(cluster, 0, "/api/tasks", "mine-1", token) == 200


async def test_without_the_setting_there_is_no_file(database: Database, tmp_path: Path) -> None:
    async with Cluster(database.url, tmp_path, nodes=1) as cluster:
        await cluster.register()

    assert _named(tmp_path, "access") == set()
