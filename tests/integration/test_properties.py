"""Any interleaving of version-checked writers leaves versions rising by one for each success, and no lost update."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_service.domain.command import Answer
from queue_service.service import QueueService
from shared.errors import NotFound, VersionConflict
from tests.support.databases import Database
from tests.support.writer import command, create_task, register

# one writer: which task it edits, how many edits it makes, how often it gives up its turn between read and write
Writer = tuple[int, int, int]
writers = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(0, 3)), min_size=1, max_size=8)


@settings(
    max_examples=25,
    deadline=None,
    # the service and its database are shared by all examples on purpose: each example makes its own tasks
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plan=writers, deletes=st.booleans())
async def test_versions_rise_by_one_per_success_and_every_success_is_in_the_result(
    plan: list[Writer], deletes: bool, service: QueueService, database: Database
) -> None:
    admin = await first_admin(service, database)
    tasks = [await create_task(service, admin, "counter", description="") for _ in range(3)]
    latest = {task["id"]: task for task in tasks}
    wins: dict[int, list[str]] = {task["id"]: [] for task in tasks}

    async def write(number: int, which: int, edits: int, pauses: int) -> None:
        """Read-modify-write: append a mark to the description, from the version last seen."""
        task_id = tasks[which]["id"]
        done = 0
        while done < edits:
            seen = latest[task_id]
            for _ in range(pauses):
                await asyncio.sleep(0)
            mark = f"{number}.{done};"
            updates = {"description": seen["description"] + mark}
            try:
                answer = await submit(service, admin, task_id, updates, seen["version"])
            except VersionConflict as conflict:
                latest[task_id] = newer(latest[task_id], conflict.extra["current"])
                continue
            except NotFound:
                return
            assert answer.data["version"] == seen["version"] + 1
            wins[task_id].append(mark)
            latest[task_id] = newer(latest[task_id], answer.data)
            done += 1

    async def delete() -> None:
        await service.intake.submit(command("delete-task", {"taskId": tasks[0]["id"]}, actor=admin))

    await asyncio.gather(*(write(n, *writer) for n, writer in enumerate(plan)), *([delete()] if deletes else []))
    for task in tasks:
        [(version, description, deleted_at)] = database.rows(
            "SELECT version, description, deletedAt FROM task_table WHERE id = :id", id=task["id"]
        )
        marks = wins[task["id"]]
        assert version == 1 + len(marks) + (deleted_at is not None)
        assert sorted(description.split(";")[:-1]) == sorted(mark[:-1] for mark in marks)


async def submit(service: QueueService, actor: int, task_id: int, updates: dict[str, Any], version: int) -> Answer:
    update = command("update-task", {"taskId": task_id, "updates": updates}, actor=actor, version=version)
    return await service.intake.submit(update)


def newer(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return one if one["version"] >= other["version"] else other


async def first_admin(service: QueueService, database: Database) -> int:
    found = database.rows("SELECT id FROM user_table WHERE role_id = 1")
    return int(found[0][0]) if found else await register(service)
