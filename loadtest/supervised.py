"""The whole product under `console up`, as a person would start it, to be loaded and to have a node killed in it."""

import http.client
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadtest.processes import Running, answers_health, start
from tests.support.console_command import CONSOLE, free_ports
from tests.support.loopback import free_port

EMPLOYEES: Final = 4
_PASSWORD: Final = "two otters, one river 41"  # noqa: S105 - of accounts that live for minutes, on loopback
_ROLES: Final = {"-m queue_service": "queue", "-m api_node": "api", "caddy run": "edge"}


@dataclass(frozen=True, slots=True)
class Supervised:
    """A running cluster: its supervisor, the edge's port, and the first node's."""

    supervisor: Running
    edge_port: int
    api_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.edge_port}"

    def pids(self) -> dict[str, int]:
        """The processes that run now, by name: queue, api-1, api-2, edge."""
        found: dict[str, int] = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                command = (process / "cmdline").read_text().replace("\0", " ")
                environ = (process / "environ").read_text(errors="replace").split("\0")
            except OSError:
                continue
            role = next((role for part, role in _ROLES.items() if part in command), None)
            if parent != self.supervisor.pid or role is None:
                continue
            if role == "api":
                [port] = [entry.partition("=")[2] for entry in environ if entry.startswith("API_PORT=")]
                role = f"api-{int(port) - self.api_port + 1}"
            found[role] = int(process.name)
        return found

    def kill(self, name: str) -> int:
        """SIGKILL one of them; its process id."""
        killed = self.pids()[name]
        os.kill(killed, signal.SIGKILL)
        return killed

    def is_back(self, node: str, killed: int) -> bool:
        """Whether another process serves in the place of a node that was killed."""
        port = self.api_port + int(node.removeprefix("api-")) - 1
        return self.pids().get(node, killed) != killed and answers_health(port)


@contextmanager
def supervised(database_url: str, data_dir: Path, logs: Path, environ: Mapping[str, str]) -> Iterator[Supervised]:
    """`console up` with two nodes on free ports, with its output in `logs`; stopped at the end."""
    edge, node, queue = free_ports()
    given = {
        "EDGE_PORT": str(edge),
        "EDGE_METRICS_PORT": str(free_port()),
        "API_PORT": str(node),
        "QUEUE_PORT": str(queue),
        "NODES": "2",
        "DATABASE_URL": database_url,
        "DATA_DIR": str(data_dir),
    }
    supervisor = start("console", (CONSOLE, "up"), {**environ, **given}, logs)
    try:
        supervisor.wait_until_healthy(edge)
        yield Supervised(supervisor, edge, node)
    finally:
        supervisor.stop()


def register_people(edge_port: int) -> list[dict[str, Any]]:
    """The administrator and a few employees: `{id, email, password, role}` each."""
    people = []
    for name in ("admin", *(f"employee-{number}" for number in range(1, EMPLOYEES + 1))):
        credentials = {"email": f"{name}@example.com", "password": _PASSWORD}
        user = _registered(edge_port, credentials)
        people.append({"id": user["id"], "role": user["role"], **credentials})
    return people


def _registered(edge_port: int, credentials: dict[str, str]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", edge_port, timeout=30)
    try:
        connection.request("POST", "/api/auth/register", json.dumps(credentials), {"Content-Type": "application/json"})
        answer = json.load(connection.getresponse())
    finally:
        connection.close()
    if not answer.get("success"):
        raise RuntimeError(f"an account could not be registered: {answer}")
    user: dict[str, Any] = answer["data"]["user"]
    return user
