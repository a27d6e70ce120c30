"""Processes that a load run starts: each writes to its own log, dies with the run, and can be asked what it used."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.dies_with_parent import dies_with_parent

ROOT: Final = Path(__file__).resolve().parents[1]
READY_WITHIN_S: Final = 30.0
STOPPED_WITHIN_S: Final = 20.0
_POLL_S: Final = 0.02
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass
class Running:
    """One process. `stop` it; `cpu_s` may be asked until then."""

    name: str
    log: Path
    _popen: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self._popen.pid

    def cpu_s(self) -> float:
        """Processor seconds used so far, by all its threads."""
        return cpu_s_of(self.pid)

    def wait_until_healthy(self, port: int) -> None:
        """Until `GET /api/health` answers 200. Raises RuntimeError with the end of its log."""
        give_up_at = time.monotonic() + READY_WITHIN_S
        while not answers_health(port):
            if self._popen.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"{self.name} does not serve:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not heed it in time."""
        self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        if self._popen.stdin:
            self._popen.stdin.close()


def start(name: str, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Running:
    """Start a process in a session of its own, with its output in `folder`."""
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        popen = subprocess.Popen(
            dies_with_parent(list(command)),
            cwd=ROOT,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return Running(name, log, popen)


def cpu_s_of(pid: int) -> float:
    """Processor seconds used so far by a process of this machine; 0 for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def answers_health(port: int) -> bool:
    """Whether a process of ours on that port of this machine says that it is well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/api/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
