"""What is measured: each target started on a fresh database, ready for the raw client, and stopped again.

    edge[-BATCH]    the product through Caddy and two API nodes
    node[-BATCH]    one API node, asked directly
    queue[-BATCH]   the queue service, asked directly: POST /api/queue/job, one command a request
    naive           the reference
    lean            the reference without SQLAlchemy and with a cache of accounts

BATCH is QUEUE_BATCH_SIZE, 10 when it is left out. A node is there for the queue service's target too, idle: the
account is registered through it.
"""

import http.client
import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

import jwt

from cli.child import ChildSpec
from cli.cluster import Cluster, find_caddy
from loadtest.bench.naive import ALGORITHM, NaiveOrder
from loadtest.bench.requests import Door
from loadtest.databases import add_administrator
from loadtest.processes import Running, start
from shared.clock import SystemClock
from shared.settings import Settings
from tests.support.console_command import free_ports
from tests.support.loopback import free_port

Kind = Literal["edge", "node", "queue", "naive", "lean"]
KINDS: Final[Mapping[str, Kind]] = {"edge": "edge", "node": "node", "queue": "queue", "naive": "naive", "lean": "lean"}
_REFERENCES: Final = ("naive", "lean")
DEFAULT_BATCH: Final = 10
_TOKEN_TTL_S: Final = 86_400
_EMAIL: Final = "bench@example.com"
_PASSWORD: Final = "two otters, one river 41"  # noqa: S105 - of an account that lives for a minute, on loopback


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to measure; `name` is what the user wrote."""

    name: str
    kind: Kind
    batch: int

    @classmethod
    def named(cls, name: str) -> "Target":
        """Raises ValueError for a name that means nothing."""
        kind, dash, batch = name.partition("-")
        if kind not in KINDS or (dash and not batch.isdigit()) or (dash and kind in _REFERENCES):
            raise ValueError(f"no such target: {name} (edge, node, queue, naive or lean; edge-100 for batches of 100)")
        return cls(name, KINDS[kind], int(batch) if dash else DEFAULT_BATCH)


@dataclass(frozen=True, slots=True)
class Ready:
    """A running target: where and as whom to knock."""

    port: int
    door: Door
    bearer: str
    actor_id: int
    processes: tuple[Running, ...]


@contextmanager
def running(
    target: Target, database_url: str, folder: Path, environ: Mapping[str, str], profiled: frozenset[str] = frozenset()
) -> Iterator[Ready]:
    """Start a target, with its logs in `folder`; stop all of it at the end.

    Processes named in `profiled` run under cProfile, which writes `NAME.prof` into `folder` when they stop.
    Raises RuntimeError when something does not start.
    """
    with ExitStack() as stack:
        if target.kind in _REFERENCES:
            yield _reference(stack, target.kind, database_url, folder, environ, profiled)
        else:
            yield _product(stack, target, database_url, folder, environ, profiled)


def _reference(
    stack: ExitStack,
    name: str,
    database_url: str,
    folder: Path,
    environ: Mapping[str, str],
    profiled: frozenset[str],
) -> Ready:
    port, secret = free_port(), secrets.token_urlsafe(32)
    actor_id = add_administrator(database_url, _EMAIL)
    order = json.dumps(asdict(NaiveOrder(port, database_url, secret)))
    command = _profiled(name, (sys.executable, "-m", f"loadtest.bench.{name}", order), folder, profiled)
    app = start(name, command, environ, folder)
    stack.callback(app.stop)
    app.wait_until_healthy(port)
    claims = {"sub": str(actor_id), "exp": SystemClock().now() + timedelta(seconds=_TOKEN_TTL_S)}
    return Ready(port, "api", jwt.encode(claims, secret, ALGORITHM), actor_id, (app,))


def _product(
    stack: ExitStack,
    target: Target,
    database_url: str,
    folder: Path,
    environ: Mapping[str, str],
    profiled: frozenset[str],
) -> Ready:
    edge, node, queue = free_ports()
    settings = Settings(
        database_url=database_url,
        data_dir=folder / "data",
        durability="strict",  # it does not start on a database that may lose a commit
        jwt_secret=secrets.token_urlsafe(32),
        queue_secret=secrets.token_urlsafe(32),
        token_ttl_s=_TOKEN_TTL_S,
        queue_batch_size=target.batch,
        nodes=2 if target.kind == "edge" else 1,
        edge_port=edge,
        edge_metrics_port=free_port(),
        api_port=node,
        queue_port=queue,
    )
    settings.data_dir.mkdir(exist_ok=True)
    caddy = find_caddy(environ.get("PATH")) if target.kind == "edge" else None
    processes: list[Running] = []
    for stage in Cluster(settings, environ, caddy).stages():
        begun = []
        for spec in stage:
            command = _profiled(spec.name, spec.command, folder, profiled)
            begun.append((spec, start(spec.name, command, spec.environ, folder)))
            stack.callback(begun[-1][1].stop)
        for spec, process in begun:
            process.wait_until_healthy(_port(spec))
            processes.append(process)
    account = _registered(node)
    assert _status(queue, settings.queue_secret)["durability"] == "strict"  # noqa: S101
    port = {"edge": edge, "node": node, "queue": queue}[target.kind]
    door: Door = "queue" if target.kind == "queue" else "api"
    bearer = settings.queue_secret if door == "queue" else account["token"]
    return Ready(port, door, bearer, account["user"]["id"], tuple(processes))


def _profiled(name: str, command: tuple[str, ...], folder: Path, profiled: frozenset[str]) -> tuple[str, ...]:
    if name not in profiled or command[:2] != (sys.executable, "-m"):
        return command
    return (sys.executable, "-m", "cProfile", "-o", str(folder / f"{name}.prof"), *command[1:])


def _port(spec: ChildSpec) -> int:
    return int((spec.health_url or "").split(":")[2].partition("/")[0])


def _registered(node_port: int) -> dict[str, Any]:
    """The first account, which is the administrator: `{user, token, ...}`."""
    body = json.dumps({"email": _EMAIL, "password": _PASSWORD})
    return _asked(node_port, "POST", "/api/auth/register", body, {"Content-Type": "application/json"})


def _status(queue_port: int, secret: str) -> dict[str, Any]:
    return _asked(queue_port, "GET", "/api/queue/status", None, {"Authorization": f"Bearer {secret}"})


def _asked(port: int, method: str, path: str, body: str | None, headers: dict[str, str]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = json.load(connection.getresponse())
    finally:
        connection.close()
    if not answer.get("success"):
        raise RuntimeError(f"{method} {path} was answered {answer}")
    data: dict[str, Any] = answer["data"]
    return data
