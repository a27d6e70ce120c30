"""Run a supervisor over small programs as real processes, and read what it prints."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.eventually import eventually

ROOT = Path(__file__).resolve().parents[2]

# says when it began, and ends with 0 on SIGTERM, saying so
PATIENT = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("stopping"), sys.exit(0)))
signal.signal(signal.SIGINT, lambda *_: print("saw SIGINT"))
print("began", os.getpid())
while True: signal.pause()
"""
# does not stop when asked
STUBBORN = PATIENT.replace('(print("stopping"), sys.exit(0))', 'print("no")')
# answers HTTP on $PORT, 300 ms after it began
SERVER = """
import http.server, os, signal, sys, threading, time
signal.signal(signal.SIGTERM, lambda *_: (print("stopping"), os._exit(0)))
print("began", os.getpid())
time.sleep(0.3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
print("listening")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def child(name: str, code: str, port: int | None = None) -> dict[str, Any]:
    """A child as the parent program wants it."""
    return {"name": name, "code": code, "port": port}


class Parent:
    """A running parent; `printed` is everything it has written so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def printed(self) -> str:
        return self._log.read_text()

    @property
    def lines(self) -> list[str]:
        return self.printed.splitlines()

    async def prints(self, text: str, times: int = 1) -> None:
        """Wait until it has printed `text`, at least `times` times."""
        await eventually(lambda: self.printed.count(text) >= times, within_s=20)

    async def ends(self) -> int:
        """Wait for its exit status."""
        await eventually(lambda: self.process.poll() is not None, within_s=20)
        return self.process.returncode

    def interrupt(self) -> None:
        """Ctrl-C at a terminal: the signal goes to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def pid_of(self, name: str) -> int:
        """The process id that the child printed last."""
        return int(next(line for line in reversed(self.lines) if line.startswith(name) and "began" in line).split()[-1])


@contextmanager
def supervising(tmp_path: Path, *stages: list[dict[str, Any]], **patience: float) -> Iterator[Parent]:
    """A parent over these stages; whatever is left of it is killed at the end."""
    log = tmp_path / "printed"
    described = json.dumps({"stages": stages, **patience})
    with log.open("wb") as stdout:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.supervisor_parent", described],
            cwd=ROOT,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Parent(process, log)
    finally:
        process.kill()
        process.wait()


def is_alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
