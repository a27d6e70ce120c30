"""`console up` as a person runs it: real processes, free ports, a new data folder."""

import json
import os
import pty
import select
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.loopback import free_port
from tests.unit.supervised import is_alive

CONSOLE = str(Path(sys.executable).parent / "console")
UP_WITHIN_S = 60.0


@dataclass
class Up:
    """A running `console up`; `ports` are edge, first node, queue service."""

    process: subprocess.Popen[bytes]
    log: Path
    ports: tuple[int, int, int]

    @property
    def printed(self) -> str:
        return self.log.read_text()

    async def is_up(self) -> None:
        await eventually(
            lambda: "Ctrl-C (again to stop at once)" in self.printed, within_s=UP_WITHIN_S, what="console up"
        )

    async def ends(self) -> int:
        await eventually(lambda: self.process.poll() is not None, within_s=30, what="the end of console up")
        return self.process.returncode


def _ports() -> tuple[int, int, int]:
    """Free ports for edge, nodes (two in a row) and queue service."""
    while True:
        edge, node, queue = free_port(), free_port(), free_port()
        with socket.socket() as second:
            second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                second.bind(("127.0.0.1", node + 1))
            except OSError:
                continue
        if len({edge, node, node + 1, queue}) == 4:
            return edge, node, queue


@contextmanager
def console_up(tmp_path: Path, ports: tuple[int, int, int], *flags: str, **environ: str) -> Iterator[Up]:
    edge, node, queue = map(str, ports)
    log = tmp_path / "printed"
    command = [CONSOLE, "up", "--port", edge, "--api-port", node, "--queue-port", queue, "--data-dir", "data", *flags]
    with log.open("wb") as stdout:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", **environ},
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Up(process, log, ports)
    finally:
        process.kill()
        process.wait()


def _get(port: int, path: str) -> tuple[int, object]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
        return response.status, json.loads(response.read())


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


async def test_it_serves_restarts_what_dies_and_stops_clean(tmp_path: Path) -> None:
    ports = _ports()
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
    ports = _ports()
    with console_up(tmp_path, ports, "--no-edge", "--nodes", "1") as up:
        await up.is_up()
        assert len(_children(up.process.pid)) == 2
        up.process.terminate()
        assert await up.ends() == 0


async def test_its_children_die_with_it(tmp_path: Path) -> None:
    with console_up(tmp_path, _ports(), "--nodes", "1") as up:
        await up.is_up()
        children = _children(up.process.pid)
        up.process.kill()

        await eventually(lambda: not any(map(is_alive, children)), within_s=20)


async def test_ctrl_c_at_the_terminal_of_make_ends_with_0_and_gives_the_terminal_back(tmp_path: Path) -> None:
    edge, node, queue = _ports()
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
    ports = _ports()
    with socket.create_server(("127.0.0.1", ports[2])), console_up(tmp_path, ports) as up:
        assert await up.ends() == 1
        assert f"port {ports[2]}, wanted by the queue service" in up.printed
        assert "--queue-port or QUEUE_PORT" in up.printed
        assert not (tmp_path / "data" / "console.db").exists()


async def test_bad_settings_are_each_named_with_status_78(tmp_path: Path) -> None:
    with console_up(tmp_path, _ports(), NODES="0", QUEUE_PROT="4") as up:
        assert await up.ends() == 78
        assert "NODES: " in up.printed
        assert "QUEUE_PROT is not a setting; did you mean QUEUE_PORT?" in up.printed


async def test_production_without_secrets_is_refused_with_status_78(tmp_path: Path) -> None:
    with console_up(tmp_path, _ports(), CONSOLE_ENV="production") as up:
        assert await up.ends() == 78
        assert "JWT_SECRET is not set" in up.printed
        assert "QUEUE_SECRET is not set" in up.printed


def _console(tmp_path: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "200", "LANG": "C.UTF-8", **environ}
    return subprocess.run([CONSOLE, *arguments], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)


def test_migrate_goes_up_and_down(tmp_path: Path) -> None:
    up = _console(tmp_path, "migrate")
    down = _console(tmp_path, "migrate", "--down", "base")

    assert (up.returncode, down.returncode) == (0, 0), up.stderr + down.stderr
    assert "the database is at 0001" in up.stdout
    assert "the database is at base" in down.stdout


def test_migrate_says_why_a_database_cannot_be_reached_and_hides_the_password(tmp_path: Path) -> None:
    url = f"mysql://console:hunter2@127.0.0.1:{free_port()}/console"
    done = _console(tmp_path, "migrate", "--database-url", url)

    assert done.returncode == 1
    assert "the database cannot be migrated" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_the_doctor_is_content_with_a_migrated_database(tmp_path: Path) -> None:
    _console(tmp_path, "migrate")
    done = _console(tmp_path, "doctor")

    assert done.returncode == 0, done.stdout
    assert "at this program's newest migration" in done.stdout
    assert "strict: a commit is on disk" in done.stdout


def test_the_doctor_names_a_readable_secret_and_an_unmigrated_database(tmp_path: Path) -> None:
    _console(tmp_path, "migrate")
    _console(tmp_path, "migrate", "--down", "base")
    secret = tmp_path / "data" / "jwt_secret"
    secret.write_text("s" * 40)
    secret.chmod(0o644)
    done = _console(tmp_path, "doctor")

    assert done.returncode == 1
    assert "chmod 600" in done.stdout
    assert "run `console migrate`" in done.stdout
