"""Talking to a queue service in this process: settings, commands, a first administrator."""

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from queue_service.domain.command import Answer, Command
from queue_service.service import QueueService
from queue_service.transport.parse import parse_command
from shared.actor import ActorId
from shared.settings import Settings
from shared.wire import Actor
from tests.support.databases import Database

A_HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$not-a-real-hash"
SECRET = "a secret for tests, long enough to pass"


def settings_for(database: Database, data_dir: Path, **more: Any) -> Settings:
    """Settings of a queue service on one database."""
    return Settings(database_url=database.url, data_dir=data_dir, jwt_secret=SECRET, queue_secret=SECRET, **more)


def command(
    name: str,
    data: dict[str, Any],
    *,
    actor: ActorId | None = None,
    key: str | None = None,
    version: int | None = None,
    deferred: bool = False,
) -> Command:
    """A command as it would have come over the wire."""
    wire = {
        "type": name,
        "data": data,
        "actor": Actor.of(actor).model_dump(exclude_none=True) if actor else None,
        "idempotencyKey": key or uuid.uuid4().hex,
        "expectedVersion": version,
        "deferred": deferred,
    }
    return parse_command(wire, size=100, secret=SECRET)


async def register(service: QueueService, email: str = "admin@example.com") -> int:
    """A new account; the first one is the administrator."""
    answer: Answer = await service.intake.submit(command("register-user", {"email": email, "passwordHash": A_HASH}))
    user_id: int = answer.data["user"]["id"]
    return user_id


async def create_task(service: QueueService, actor: int, title: str = "a task", **fields: Any) -> dict[str, Any]:
    """A new task, as the API shows it."""
    answer = await service.intake.submit(command("create-task", {"title": title, **fields}, actor=actor))
    task: dict[str, Any] = answer.data
    return task


def creates(actor: int, *titles: str) -> list[Command]:
    """One create-task for each title, under a key made of the title."""
    return [command("create-task", {"title": title}, actor=actor, key=title.replace(" ", "-")) for title in titles]


async def outcomes(service: QueueService, commands: Sequence[Command]) -> list[Any]:
    """Submit all at once: for each its answer, or the error it ended in."""
    return await asyncio.gather(*(service.intake.submit(c) for c in commands), return_exceptions=True)


def titles(database: Database) -> list[str]:
    """The titles of every task there is, sorted."""
    return [title for (title,) in database.rows("SELECT title FROM task_table ORDER BY title")]
