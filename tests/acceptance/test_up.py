"""`console up` as a person runs it: real processes, free ports, a new data folder."""

import json
import os
import pty
import select
import signal
import socket
import sqlite3
import stat
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from cli.cluster import Cluster
from shared.settings import Settings
from tests.support.console_command import CONSOLE, UP_WITHIN_S, console_up, free_ports
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.loopback import free_port
from tests.unit.supervised import is_alive


def _get(port: int, path: str) -> tuple[int, object]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
        return response.status, json.loads(response.read())


def _metrics(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
        metrics: bytes = response.read()
        return metrics


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def _command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


async def test_it_serves_restarts_what_dies_and_stops_clean(tmp_path: Path) -> None:
    ports = free_ports()
    with console_up(tmp_path, ports) as up:
        await up.is_up()
        edge, node, queue = ports
        for port in (edge, node, node + 1, queue):
            assert _get(port, "/api/health")[0] == 200
            assert f":{port}" in up.printed
        for name in ("jwt_secret", "queue_secret"):
            assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600
        children = _children(up.process.pid)
        assert len(children) == 4

        os.kill(children[0], signal.SIGKILL)
        await eventually(lambda: "queue ended (signal 9); starting it again in 0.5 s" in up.printed)
        await eventually(lambda: _get(queue, "/api/health")[0] == 200, within_s=20)

        children = _children(up.process.pid)
        os.killpg(up.process.pid, signal.SIGINT)
        assert await up.ends() == 0
        assert not any(map(is_alive, children))
        assert "\x1b" not in up.printed


async def test_without_the_edge_there_is_none(tmp_path: Path) -> None:
    ports = free_ports()
    with console_up(tmp_path, ports, "--no-edge", "--nodes", "1") as up:
        await up.is_up()
        assert len(_children(up.process.pid)) == 2
        up.process.terminate()
        assert await up.ends() == 0


async def test_its_children_die_with_it(tmp_path: Path) -> None:
    with console_up(tmp_path, free_ports(), "--nodes", "1") as up:
        await up.is_up()
        children = _children(up.process.pid)
        up.process.kill()

        await eventually(lambda: not any(map(is_alive, children)), within_s=20)


async def test_ctrl_c_at_the_terminal_of_make_ends_with_0_and_gives_the_terminal_back(tmp_path: Path) -> None:
    edge, node, queue = free_ports()
    flags = f"--take-terminal --no-edge --nodes 1 --port {edge} --api-port {node} --queue-port {queue} --data-dir data"
    pid, terminal = pty.fork()
    if pid == 0:
        # the shell stands for make: it shares our foreground group, and a Ctrl-C that reaches it would end it
        os.chdir(tmp_path)
        os.execv("/bin/sh", ["sh", "-c", f"{CONSOLE} up {flags}; echo status=$?; read line; echo read=$line"])  # noqa: S606
    shown = bytearray()

    def shows(text: bytes) -> bool:
        if select.select([terminal], [], [], 0)[0]:
            shown.extend(os.read(terminal, 1 << 16))
        return text in shown

    try:
        await eventually(lambda: shows(b"Ctrl-C (again"), within_s=UP_WITHIN_S)
        os.write(terminal, b"\x03")
        await eventually(lambda: shows(b"status=0"), within_s=30)
        os.write(terminal, b"hello\n")
        await eventually(lambda: shows(b"read=hello"))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)  # noqa: ASYNC222  (it was killed)
        os.close(terminal)


async def test_a_taken_port_is_named_and_nothing_starts(tmp_path: Path) -> None:
    ports = free_ports()
    with socket.create_server(("127.0.0.1", ports[2])), console_up(tmp_path, ports) as up:
        assert await up.ends() == 1
        assert f"port {ports[2]}, wanted by the queue service" in up.printed
        assert "--queue-port or QUEUE_PORT" in up.printed
        assert not (tmp_path / "data" / "console.db").exists()


async def test_a_taken_port_of_the_edges_metrics_is_named_like_any_other(tmp_path: Path) -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        console_up(tmp_path, free_ports(), "--edge-metrics-port", str(port)) as up,
    ):
        assert await up.ends() == 1
        assert f"port {port}, wanted by the edge's metrics, is taken by another program" in up.printed
        assert "--edge-metrics-port or EDGE_METRICS_PORT" in up.printed


async def test_with_a_folder_for_logs_every_process_writes_there_and_each_has_metrics(tmp_path: Path) -> None:
    ports, metrics_port = free_ports(), free_port()
    with console_up(tmp_path, ports, LOG_DIR="logs", EDGE_METRICS_PORT=str(metrics_port)) as up:
        await up.is_up()
        edge, node, _ = ports
        for port in (metrics_port, node, node + 1):
            assert b"# TYPE " in _metrics(port)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            _get(edge, "/metrics")
        names = ["queue", f"api-{node}", f"api-{node + 1}"]
        kept = {f"{name}.{kind}.log" for name in names for kind in ("access", "app", "error")}
        await eventually(lambda: kept | {"edge.access.log"} <= {file.name for file in (tmp_path / "logs").iterdir()})
        up.process.terminate()
        assert await up.ends() == 0


async def test_bad_settings_are_each_named_with_status_78(tmp_path: Path) -> None:
    with console_up(tmp_path, free_ports(), NODES="0", QUEUE_PROT="4") as up:
        assert await up.ends() == 78
        assert "NODES: " in up.printed
        assert "QUEUE_PROT is not a setting; did you mean QUEUE_PORT?" in up.printed


async def test_production_without_secrets_is_refused_with_status_78(tmp_path: Path) -> None:
    with console_up(tmp_path, free_ports(), CONSOLE_ENV="production") as up:
        assert await up.ends() == 78
        assert "JWT_SECRET is not set" in up.printed
        assert "QUEUE_SECRET is not set" in up.printed
        assert "REGISTRATION is not set" in up.printed


async def test_a_ctrl_c_stops_the_edge_then_the_nodes_then_the_queue_service(tmp_path: Path) -> None:
    with console_up(tmp_path, free_ports()) as up:
        await up.is_up()
        queue, *nodes, edge = _children(up.process.pid)
        # the numbers are given in the order of starting; the command lines say that it is so
        for pid, program in ((queue, "queue_service"), (nodes[0], "api_node"), (nodes[1], "api_node"), (edge, "caddy")):
            assert program in _command_line(pid)
        up.process.send_signal(signal.SIGINT)
        seen = set()

        def is_over() -> bool:
            # from the inside out: whatever ended before one of these looks had its turn before
            alive = (is_alive(queue), any(map(is_alive, nodes)), is_alive(edge))
            seen.add(alive)
            return not any(alive)

        await eventually(is_over, within_s=30, every_s=0.001)
        assert seen <= {(True, True, True), (True, True, False), (True, False, False), (False, False, False)}
        assert {(True, True, False), (True, False, False)} & seen
        assert await up.ends() == 0


async def _refuses_to_start(tmp_path: Path, *flags: str, **environ: str) -> str:
    """The line that says why, of a `console up` that ends with 1 and has started nothing."""
    with console_up(tmp_path, free_ports(), *flags, **environ) as up:
        assert await up.ends() == 1
        *before, line = up.printed.splitlines()
        assert "starting" not in up.printed
        assert all("migrating the database" in other for other in before)
        return line


@pytest.mark.parametrize(
    ("folder", "reason"), [("file", "it is not a folder"), ("file/below", "Not a directory")], ids=["file", "below"]
)
async def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path, folder: str, reason: str) -> None:
    # below a file nothing can be made, not even by root
    (tmp_path / "file").write_text("")
    line = await _refuses_to_start(tmp_path, "--data-dir", folder)

    assert line == f"DATA_DIR: {folder} cannot be used: {reason}"


async def test_a_data_folder_that_cannot_be_made_is_named_with_given_secrets_too(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    line = await _refuses_to_start(tmp_path, JWT_SECRET="j" * 32, QUEUE_SECRET="q" * 32)

    assert f"DATA_DIR: {tmp_path}/data/console.db cannot be used: " in line


async def test_a_database_server_that_is_down_is_named(tmp_path: Path) -> None:
    port = free_port()
    line = await _refuses_to_start(tmp_path, DATABASE_URL=f"mysql://console:hunter2@127.0.0.1:{port}/console")

    assert f"DATABASE_URL: no database server answers at 127.0.0.1:{port}: start it" in line
    assert "hunter2" not in line


@pytest.mark.only_on("mysql")
async def test_an_unknown_database_and_a_wrong_password_are_named(tmp_path: Path, database: Database) -> None:
    url = make_url(database.url)
    nowhere = await _refuses_to_start(tmp_path, DATABASE_URL=url.set(database="nowhere").render_as_string(False))
    wrong = await _refuses_to_start(tmp_path, DATABASE_URL=url.set(password="hunter2").render_as_string(False))

    assert f"DATABASE_URL: there is no database nowhere at {url.host}:{url.port}: create it" in nowhere
    assert f"DATABASE_URL: {url.host}:{url.port} does not let {url.username} in: wrong user or password" in wrong
    assert "hunter2" not in wrong


@pytest.mark.parametrize("url", ["mysql://console:hunter2@127.0.0.1", "mysql://console:hunter2@127.0.0.1:x/console"])
async def test_a_database_url_that_leads_nowhere_is_a_wrong_setting(tmp_path: Path, url: str) -> None:
    with console_up(tmp_path, free_ports(), DATABASE_URL=url) as up:
        assert await up.ends() == 78
        assert up.printed.startswith("DATABASE_URL: it ")
        assert up.printed.count("\n") == 1
        assert "hunter2" not in up.printed


async def test_a_database_of_a_newer_version_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "data" / "console.db"
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as made:
        made.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        made.execute("INSERT INTO alembic_version VALUES ('9999')")
        made.commit()
    line = await _refuses_to_start(tmp_path)

    assert "Can't locate revision identified by '9999'" in line


def test_the_edge_speaks_the_default_language_of_the_cluster() -> None:
    stages = Cluster(Settings(default_language="en"), {"DEFAULT_LANGUAGE": "zh-CN"}, caddy="caddy").stages()

    assert stages[-1][0].environ["DEFAULT_LANGUAGE"] == "en"
