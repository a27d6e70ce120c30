"""The `console` command as a person runs it: real processes, free ports, a new folder."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.eventually import eventually
from tests.support.loopback import free_port

CONSOLE: Final = str(Path(sys.executable).parent / "console")
UP_WITHIN_S: Final = 60.0


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


def free_ports() -> tuple[int, int, int]:
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
    """Run it in `tmp_path` with its data in `data` there; killed at the end, and its children die with it.

    The edge's metrics are on a free port, unless `environ` or `flags` name one.
    """
    edge, node, queue = map(str, ports)
    log = tmp_path / "printed"
    command = [CONSOLE, "up", "--port", edge, "--api-port", node, "--queue-port", queue, "--data-dir", "data", *flags]
    with log.open("wb") as stdout:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "LANG": "C.UTF-8",
                "EDGE_METRICS_PORT": str(free_port()),
                **environ,
            },
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Up(process, log, ports)
    finally:
        process.kill()
        process.wait()


def console(tmp_path: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run another command of it in `tmp_path`, without a terminal, to its end."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "200", "LANG": "C.UTF-8", **environ}
    return subprocess.run(
        [CONSOLE, *arguments],
        cwd=tmp_path,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
