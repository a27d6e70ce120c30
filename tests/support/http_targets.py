"""The two servers of ours, as somebody with a raw socket sees them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.db import migrate
from tests.support.cluster import Cluster
from tests.support.writer import SECRET


@dataclass(frozen=True, slots=True)
class Target:
    """One server, and a path there that reads a JSON body from us. `head` starts a POST to it, Host included."""

    name: str
    port: int
    pid: int
    post_path: str
    authorization: bytes = b""

    def head(self, *lines: bytes) -> bytes:
        first = b"POST " + self.post_path.encode() + b" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        return first + self.authorization + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


GET_HEALTH = b"GET /api/health HTTP/1.1\r\nHost: a\r\n"


@contextmanager
def running_targets(directory: Path) -> Iterator[dict[str, Target]]:
    """A node and a queue service as real processes on SQLite, by name."""
    url = f"sqlite:///{directory / 'console.db'}"
    migrate.upgrade(url)
    cluster = Cluster(url, directory, nodes=1)
    try:
        asyncio.run(cluster.__aenter__())
        secret = b"Authorization: Bearer " + SECRET.encode() + b"\r\n"
        yield {
            "node": Target("node", cluster.nodes[0].port, cluster.nodes[0].pid, "/api/auth/login"),
            "queue": Target("queue", cluster.queue.port, cluster.queue.pid, "/api/queue/job", secret),
        }
    finally:
        asyncio.run(cluster.__aexit__(None, None, None))
