"""Execution units as processes of their own, at work on a cluster."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.dies_with_parent import dies_with_parent
from tests.support.pages import ROOT

TYPE: Final = "DATA_PROCESSING"


class Worker:
    """A unit as a process, and what it says over all its lives."""

    def __init__(self, cluster: Cluster, key: str, output: Path, work_s: float) -> None:
        self._command = [sys.executable, "-m", "tests.support.unit_process", output.stem, TYPE, str(work_s), key]
        self._command += [node.url for node in cluster.nodes]
        self._output = output
        self.start()

    def start(self) -> None:
        with self._output.open("ab") as output:
            self._popen = subprocess.Popen(
                dies_with_parent(self._command), cwd=ROOT, stdin=subprocess.PIPE, stdout=output, stderr=output
            )

    def kill(self) -> None:
        self._popen.kill()
        self._popen.communicate()

    def send(self, number: int) -> None:
        self._popen.send_signal(number)

    def said(self, what: str) -> list[tuple[str, ...]]:
        """What follows this word, line by line."""
        lines = [line.split() for line in self._output.read_text().splitlines()]
        return [tuple(words[1:]) for words in lines if words[:1] == [what]]


@contextmanager
def workers(cluster: Cluster, key: str, folder: Path, count: int, *, work_s: float = 0) -> Iterator[list[Worker]]:
    """Units at work, each job taking so long, killed at the end."""
    started = [Worker(cluster, key, folder / f"unit-{i}", work_s) for i in range(count)]
    try:
        yield started
    finally:
        for worker in started:
            worker.kill()


async def a_key(cluster: Cluster) -> tuple[str, str]:
    """A program's key for all of this, and an administrator's token."""
    _, token = await cluster.register()
    scopes = ["task:create", "task:view", "unit:manage"]
    new = {"name": "work", "departmentId": 1, "scopes": scopes, "status": 1}
    answer = await Api(cluster.client(0, token)).post("/v1/applications", new)
    return answer.data["key"], token
