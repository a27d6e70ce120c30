"""One measurement: the raw client against a running target, and what every process used meanwhile."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from time import perf_counter

from loadtest import machine
from loadtest.bench.client import Measured, Order
from loadtest.bench.targets import Ready
from loadtest.processes import ROOT, cpu_s_of


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one target at one number of connections.

    `cpu_us` is per write, by process; `others` the share of all processors' time that went to anything else.
    """

    database: str
    target: str
    connections: int
    measured: Measured
    cpu_us: Mapping[str, float]
    others: float


def measure(
    ready: Ready, database: str, target: str, connections: int, *, seconds: float, database_pid: int | None
) -> Sample:
    """Load the target for `seconds`, after a warm-up of half of that (a second at most)."""
    order = Order(ready.port, ready.door, ready.bearer, ready.actor_id, connections, min(1.0, seconds / 2), seconds)
    pids = {process.name: process.pid for process in ready.processes}
    if database_pid is not None:
        pids["database"] = database_pid
    client = subprocess.Popen(
        [sys.executable, "-m", "loadtest.bench.client", json.dumps(asdict(order))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with client:
        try:
            assert client.stdout is not None  # noqa: S101 - it was asked for
            client.stdout.readline()
            before, machine_before = {name: cpu_s_of(pid) for name, pid in pids.items()}, machine.cpu_s()
            began = perf_counter()
            line = client.stdout.readline()
            used = {name: cpu_s_of(pid) - before[name] for name, pid in pids.items()}
            in_all, took = machine.cpu_s() - machine_before, perf_counter() - began
        except BaseException:
            client.kill()
            raise
    if client.returncode != 0 or not line:
        raise RuntimeError(f"the client ended with status {client.returncode}")
    measured = Measured(**json.loads(line))
    used["client"] = measured.client_cpu_s
    per_write = {name: cpu_s * 1e6 / max(1, measured.writes) for name, cpu_s in used.items()}
    others = max(0.0, in_all - sum(used.values())) / (took * machine.cores())
    return Sample(database, target, connections, measured, per_write, others)
