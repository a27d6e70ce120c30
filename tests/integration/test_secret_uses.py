"""Last uses on their way from a node to the queue service: few, late, and never in a request's way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from api_node.queue_client import QueueClient
from api_node.secret_uses import SecretUses
from shared.application_commands import MOST_USES
from shared.applications import ApplicationSecret
from shared.clock import iso
from tests.support.clocks import SteppingClock
from tests.support.eventually import eventually
from tests.support.misbehaving_queue import Forward, MisbehavingQueue, misbehaving

NOW = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


async def _nothing() -> None:
    """What goes on while this clock steps."""


class CountingClock(SteppingClock):
    """A clock that waits by stepping, and counts how often it was asked to."""

    waits = 0

    async def sleep(self, seconds: float) -> None:
        self.waits += 1
        await super().sleep(seconds)


def secret(number: int, last_used_at: datetime | None = None) -> ApplicationSecret:
    return ApplicationSecret(number, 1, "0" * 64, None, last_used_at, 1, NOW, NOW)


@asynccontextmanager
async def telling(client: QueueClient, clock: CountingClock) -> AsyncIterator[SecretUses]:
    uses = SecretUses(client, clock)
    uses.start()
    try:
        yield uses
    finally:
        await uses.stop()


def told(queue: MisbehavingQueue) -> list[dict[str, Any]]:
    return [use for jobs in queue.seen for job in jobs for use in job["data"]["uses"]]


async def test_what_is_used_all_the_time_is_told_once_a_minute() -> None:
    clock = CountingClock(_nothing)
    async with misbehaving() as (queue, client), telling(client, clock) as uses:
        for second in range(60):
            uses.note(secret(1), NOW + timedelta(seconds=second))
        uses.note(secret(2, last_used_at=NOW), NOW + timedelta(seconds=59))
        await eventually(lambda: told(queue))
        assert told(queue) == [{"secretId": 1, "usedAt": iso(NOW)}]
        uses.note(secret(1), NOW + timedelta(seconds=59))
        uses.note(secret(1), NOW + timedelta(seconds=60))
        uses.note(secret(2, last_used_at=NOW), NOW + timedelta(seconds=60))
        await eventually(lambda: len(told(queue)) == 3)
        later = iso(NOW + timedelta(seconds=60))
        assert told(queue)[1:] == [{"secretId": 1, "usedAt": later}, {"secretId": 2, "usedAt": later}]
        [_, [of_all]] = queue.seen
        assert (of_all["type"], "actor" in of_all) == ("note-secret-uses", False)


async def test_while_nobody_uses_a_key_nothing_is_asked_and_nothing_wakes() -> None:
    clock = CountingClock(_nothing)
    async with misbehaving() as (queue, client), telling(client, clock) as uses:
        uses.note(secret(1), NOW)
        await eventually(lambda: told(queue))
        waits = clock.waits
        for second in range(60):
            uses.note(secret(1), NOW + timedelta(seconds=second))
        await eventually(lambda: client.held == 0)
        assert (clock.waits, len(queue.seen)) == (waits, 1) == (1, 1)


async def test_many_travel_together_and_no_command_grows_without_bound() -> None:
    clock = CountingClock(_nothing)
    async with misbehaving() as (queue, client), telling(client, clock) as uses:
        for number in range(1, MOST_USES + 2):
            uses.note(secret(number), NOW)
        await eventually(lambda: len(told(queue)) == MOST_USES + 1)
        assert [len(job["data"]["uses"]) for jobs in queue.seen for job in jobs] == [MOST_USES, 1]


async def test_what_could_not_be_told_is_told_with_a_later_use() -> None:
    async def refuse(forward: Forward) -> None:
        await forward.line(0, status=503, error={"code": "queue_full"})

    clock = CountingClock(_nothing)
    async with misbehaving(refuse) as (queue, client), telling(client, clock) as uses:
        uses.note(secret(1), NOW)
        await eventually(lambda: client.held == 0 and queue.seen)
        again = replace(secret(1), last_used_at=None)

        def is_told_again() -> bool:
            uses.note(again, NOW + timedelta(seconds=2))
            return len(queue.seen) == 2

        await eventually(is_told_again)
        assert told(queue)[1] == {"secretId": 1, "usedAt": iso(NOW + timedelta(seconds=2))}
