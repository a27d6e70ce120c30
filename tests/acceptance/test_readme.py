"""The README's tour, and every call of the protocol, run as they stand against a real `console up`."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.console_command import console_up, free_ports
from tests.support.pages import READMES, ROOT


def first_steps(**environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "tests/acceptance/first_steps.sh"],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(("readme", "no_curl"), [(READMES[0], ""), (READMES[1], "yes")])
async def test_every_step_of_the_tour_answers_what_the_readme_says(tmp_path: Path, readme: str, no_curl: str) -> None:
    ports = free_ports()
    with console_up(tmp_path, ports) as up:
        await up.is_up()
        done = await asyncio.to_thread(
            first_steps,
            README=readme,
            NO_CURL=no_curl,
            BASE_URL=f"http://localhost:{ports[0]}",
            DATA_DIR=str(tmp_path / "data"),
        )
        assert done.returncode == 0, f"{done.stderr}\n{up.printed[-3000:]}"
        assert "queue ended (signal 9)" in up.printed
        up.process.send_signal(signal.SIGINT)
        assert await up.ends() == 0


async def test_every_call_of_the_protocol_answers_what_its_page_says(tmp_path: Path) -> None:
    ports = free_ports()
    with console_up(tmp_path, ports) as up:
        await up.is_up()
        environ = {"README": "docs/protocol.md", "BASE_URL": f"http://localhost:{ports[0]}"}
        done = await asyncio.to_thread(first_steps, **environ)
        assert done.returncode == 0, f"{done.stderr}\n{up.printed[-3000:]}"
        up.process.send_signal(signal.SIGINT)
        assert await up.ends() == 0


def test_without_a_cluster_the_first_step_fails() -> None:
    done = first_steps(BASE_URL="http://127.0.0.1:9")
    assert done.returncode != 0
