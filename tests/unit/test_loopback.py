"""Ports for servers of tests: no two processes are given the same one."""

import subprocess
import sys

from tests.support.loopback import free_port

_ASK = "from tests.support.loopback import free_port; print(*(free_port() for _ in range(100))); input()"


def test_no_two_processes_are_given_the_same_port() -> None:
    asking = [
        subprocess.Popen([sys.executable, "-c", _ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    given = [{free_port() for _ in range(100)}]
    for process in asking:
        assert process.stdout is not None
        given.append({int(port) for port in process.stdout.readline().split()})
    for process in asking:
        process.communicate("\n")
    assert sum(map(len, given)) == len(set.union(*given))
    assert min(map(len, given)) > 50
