"""`make load` in its smallest form: people at work behind the edge, a node killed meanwhile, no failed request."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.left_over import left_over
from tests.support.pages import ROOT


def load(results: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "loadtest", "--results", str(results), *options],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(results), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_people_at_work_see_no_failure_though_a_node_is_killed(tmp_path: Path) -> None:
    run = load(tmp_path, "--users", "4", "--duration", "12", "--kill-node")
    printed, _ = run.communicate(timeout=100)
    assert run.returncode == 0, printed
    [folder] = tmp_path.glob("load-*")
    assert sorted(path.name for path in folder.iterdir()) == [
        "console.log",
        "outcome.json",
        "report.html",
        "summary.md",
    ]
    text = (folder / "summary.md").read_text()
    assert text in printed
    assert "## Failures\n\nNone." in text
    assert "killed meanwhile: api-2 by SIGKILL; another one served within" in text
    for request in ("POST /api/auth/login", "GET /api/tasks", "POST /api/tasks", "GET /api/tasks/{id}", "all"):
        assert f"\n| {request} | " in text, request
    for process in ("queue", "api-1", "api-2", "edge", "supervisor"):
        assert f"\n| {process} | " in text, process
    assert "requests/s" in printed.partition("# Load test")[0], "progress"
    assert left_over(tmp_path) == []


async def test_an_undocumented_answer_is_a_failure_and_the_exit_status_says_so(tmp_path: Path) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops")
        writer.close()

    async with await asyncio.start_server(broken, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        account = ("--email", "admin@example.com", "--password", "does not matter")
        run = load(tmp_path, "--users", "1", "--duration", "5", "--base-url", url, *account)
        printed, _ = await asyncio.to_thread(run.communicate, timeout=60)
    assert run.returncode == 1, printed
    assert "| POST /api/auth/login | " in printed
    assert "500 without the error envelope" in printed


async def test_ctrl_c_stops_every_process(tmp_path: Path) -> None:
    run = load(tmp_path, "--users", "2", "--duration", "100")
    try:
        await eventually(lambda: any("locust" in c for c in left_over(tmp_path)), within_s=60, what="people at work")
        run.send_signal(signal.SIGINT)
        await asyncio.to_thread(run.communicate, timeout=60)
        assert run.returncode != 0
        assert left_over(tmp_path) == []
    finally:
        run.kill()
        run.communicate()
