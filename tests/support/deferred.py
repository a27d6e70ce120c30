"""Commands that are answered once they are stored, and what the tables say has become of them."""

from typing import Any

from queue_service.domain.command import Command
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.writer import command


def create(actor: int, title: str = "a task", *, key: str | None = None, deferred: bool = True) -> Command:
    return command("create-task", {"title": title}, actor=actor, key=key, deferred=deferred)


def retitle(actor: int, task_id: int, title: str, **more: Any) -> Command:
    data = {"taskId": task_id, "updates": {"title": title}}
    return command("update-task", data, actor=actor, deferred=True, **more)


def statuses(database: Database) -> list[int]:
    """The status of every stored command's answer, oldest first."""
    return [
        status
        for (status,) in database.rows(
            "SELECT a.status FROM stored_command c JOIN stored_answer a ON a.operation_id = c.operation_id "
            "WHERE c.ended_at IS NOT NULL ORDER BY c.created_at"
        )
    ]


def waiting(database: Database) -> int:
    [(count,)] = database.rows("SELECT COUNT(*) FROM stored_command WHERE ended_at IS NULL")
    return int(count)


async def ended(database: Database, *expected: int) -> None:
    await eventually(lambda: statuses(database) == [*expected], what=f"outcomes {expected}")
