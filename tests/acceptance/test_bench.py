"""`make bench` in its smallest form: it measures every target without a failure, adds up, and leaves nothing behind.

How fast anything is, no test asserts: that is what docs/performance.md is for.
"""

import asyncio
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from loadtest.bench import report
from loadtest.bench.client import Measured, Order, Run
from loadtest.bench.measure import Sample
from loadtest.bench.targets import Target
from tests.support.eventually import eventually
from tests.support.left_over import left_over
from tests.support.pages import ROOT

NOTHING = Measured(
    writes=0, creates=0, seconds=2.0, p50_ms=1.0, p99_ms=1.0, max_ms=1.0, client_cpu_s=0.0, failures=0, first_failure=""
)


def bench(results: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "loadtest.bench", "--databases", "sqlite", "--results", str(results), *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_it_measures_every_target_and_the_reference_without_a_failure(tmp_path: Path) -> None:
    options = ["--targets", "edge,queue-100,naive,lean", "--connections", "3", "--passes", "1"]
    run = bench(tmp_path, *options, "--seconds", "0.3")
    printed, _ = run.communicate(timeout=100)
    assert run.returncode == 0, printed
    [folder] = tmp_path.iterdir()
    samples = json.loads((folder / "samples.json").read_text())["samples"]
    assert [s["target"] for s in samples] == ["edge", "queue-100", "naive", "lean"]
    for sample in samples:
        measured = sample["measured"]
        assert measured["failures"] == 0
        assert 0 < measured["creates"] < measured["writes"]
        assert 0 < measured["p50_ms"] <= measured["p99_ms"] <= measured["max_ms"]
        assert sample["cpu_us"]["client"] > 0
    text = (folder / "report.md").read_text()
    assert "| 3 | naive |" in text
    assert "synchronous=FULL" in text
    assert text in printed
    assert left_over(tmp_path) == []


def test_it_measures_jobs_without_a_failure(tmp_path: Path) -> None:
    options = ["--databases", "sqlite", "--jobs", "500", "--backlog", "1500", "--passes", "1"]
    command = [sys.executable, "-m", "loadtest.bench.jobs", *options, "--results", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    [folder] = tmp_path.iterdir()
    samples = json.loads((folder / "samples.json").read_text())["samples"]
    assert [s["what"] for s in samples] == ["raw", "one", "bulk", "drain-10", "drain-100", "drain-500", "behind-1500"]
    assert all(s["jobs_per_s"] > 0 for s in samples)
    assert (folder / "report.md").read_text() in run.stdout
    assert left_over(tmp_path) == []


async def test_ctrl_c_stops_every_process(tmp_path: Path) -> None:
    run = bench(tmp_path, "--targets", "edge", "--seconds", "60")
    try:
        await eventually(lambda: any("api_node" in c for c in left_over(tmp_path)), within_s=30, what="a running node")
        run.send_signal(signal.SIGINT)
        await asyncio.to_thread(run.communicate, timeout=40)
        assert run.returncode != 0
        assert left_over(tmp_path) == []
    finally:
        run.kill()
        run.communicate()


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 409 Conflict\r\nContent-Length: 31\r\n\r\n{"data": {"id":1, "version":N}}',
        b'HTTP/1.1 201 Created\r\nContent-Length: 31\r\n\r\n{"data": {"id":1, "version":7}}',
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"",
    ],
    ids=["refused", "another version than the one written", "no length", "connection closed"],
)
async def test_anything_but_the_awaited_success_is_a_failure(answer: bytes) -> None:
    class Answering(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)
            self.version = 0

        def data_received(self, data: bytes) -> None:
            self.version = 1 if data.startswith(b"POST") else self.version + 1
            self.transport.write(answer.replace(b"N}", b"%d}" % self.version))
            if not answer:
                self.transport.close()

    async with await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        measured = await Run(Order(port, "api", "a token", 1, connections=2, warm_up_s=0.05, seconds=0.1)).run()
    assert measured.failures > 0
    assert measured.first_failure


def test_the_report_takes_medians_and_divides_by_the_reference() -> None:
    def sample(target: str, writes: int, p99_ms: float) -> Sample:
        return Sample("mysql", target, 64, replace(NOTHING, writes=writes, p99_ms=p99_ms), {"queue": writes}, 0.5)

    samples = [sample("queue-10", writes, 3.0) for writes in (100, 900, 600)]
    samples += [sample("naive", writes, 12.0) for writes in (300, 100, 400)]
    queue, naive = report.rows(samples)
    assert (queue.target, queue.writes_per_s, queue.spread) == ("queue-10", 300.0, (50.0, 450.0))
    assert (queue.rate_ratio, queue.p99_ratio, queue.cpu_us) == (2.0, 0.25, {"queue": 600})
    assert (naive.rate_ratio, naive.p99_ratio) == (1.0, 1.0)
    text = report.markdown(samples, {"disk": "ext4"})
    assert "writes/s of queue-10 against naive, 64 connections | >= 1.5x | >= 1.2x | 2.00x | reached |" in text
    assert "p99 of queue-10 against naive, 64 connections | <= 0.3x |  | 0.25x | reached |" in text


def test_a_ratio_between_floor_and_goal_is_said_to_be_there() -> None:
    samples = [
        Sample("mysql", target, 64, replace(NOTHING, writes=writes), {}, 0.0)
        for target, writes in (("edge", 80), ("queue-10", 110), ("naive", 100))
    ]
    text = report.markdown(samples, {})
    assert ">= 0.7x | 0.80x | above the floor |" in text
    assert ">= 1.2x | 1.10x | MISSED |" in text


@pytest.mark.parametrize("name", ["nobody", "queue-", "queue-many", "naive-10", "lean-10", ""])
def test_a_target_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no such target"):
        Target.named(name)
