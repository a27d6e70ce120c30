"""Clients that never give up: each sends its writes under one key until it gets a definite answer, and remembers it."""

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.support.cluster import Cluster
from tests.support.databases import Database

_DEFINITE = {200, 201, 409, 412, 422}


@dataclass(slots=True)
class Load:
    """Writers against a cluster's nodes. `acknowledged` counts what was answered with success."""

    cluster: Cluster
    token: str
    writers: int = 8
    created: dict[str, int] = field(default_factory=dict)
    updated: dict[int, int] = field(default_factory=dict)
    retries: int = 0
    unexpected: list[str] = field(default_factory=list)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _running: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        return len(self.created) + sum(self.updated.values())

    def start(self) -> None:
        self._running = [asyncio.create_task(self._write(n)) for n in range(self.writers)]

    async def stop(self) -> None:
        """Let every writer finish the write it is at."""
        self._stopping.set()
        await asyncio.wait_for(asyncio.gather(*self._running), 60)

    async def _write(self, number: int) -> None:
        client = self.cluster.client(number % len(self.cluster.nodes), self.token)
        while not self._stopping.is_set():
            title = uuid.uuid4().hex
            status, body = await self._until_definite(client, "POST", "/api/tasks", {"title": title})
            if status != 201:
                self.unexpected.append(f"create answered {status}: {body}")
                continue
            task = body["data"]
            self.created[title] = task["id"]
            self.updated[task["id"]] = 0
            for version in (1, 2):
                change = {"description": f"{title} {version}", "version": version}
                status, body = await self._until_definite(client, "PATCH", f"/api/tasks/{task['id']}", change)
                if status != 200 or body["data"]["version"] != version + 1:
                    self.unexpected.append(f"update answered {status}: {body}")
                    break
                self.updated[task["id"]] += 1

    async def _until_definite(
        self, client: aiohttp.ClientSession, method: str, path: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        while True:
            try:
                async with client.request(method, path, json=body, headers=key) as response:
                    answer = await response.json()
                    if response.status in _DEFINITE:
                        return response.status, answer
                    if response.status != 503 or not answer["retryable"]:
                        self.unexpected.append(f"{method} answered {response.status}: {answer}")
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass
            self.retries += 1
            await asyncio.sleep(0.05)


def assert_every_acknowledged_write_is_present_once(load: Load, database: Database) -> None:
    """The check behind the first guarantee."""
    assert load.unexpected == []
    rows = database.rows("SELECT id, title, version, description FROM task_table")
    by_title: dict[str, list[tuple[int, int, str | None]]] = {}
    for task_id, title, version, description in rows:
        by_title.setdefault(title, []).append((task_id, version, description))
    assert {t for t in load.created if t not in by_title} == set(), "acknowledged and lost"
    assert {t for t, found in by_title.items() if len(found) > 1} == set(), "applied twice"
    assert by_title.keys() == load.created.keys(), "every writer waited for its answer, so nothing else may be there"
    for title, [(task_id, version, description)] in by_title.items():
        assert load.created[title] == task_id
        assert version == 1 + load.updated[task_id], f"task {task_id} lost or doubled an update"
        assert description == (f"{title} {version - 1}" if version > 1 else None)
