"""When each key was used last: noted on the way of a request, told to the queue service afterwards, many at once.

A request waits for none of it. Of a secret that is used all the time one use a minute is told; a node whose keys nobody
uses asks nothing and wakes for nothing. What could not be told is told with a later use.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import structlog

from api_node.queue_client import QueueClient
from shared.application_commands import MOST_USES
from shared.applications import ApplicationSecret
from shared.clock import Clock, iso
from shared.errors import ConsoleError
from shared.ids import fresh_id

TOLD_EVERY: Final = timedelta(minutes=1)
GATHERED_FOR_S: Final = 1.0
MAX_TOLD: Final = 10_000

log = structlog.get_logger(__name__)


class SecretUses:
    """`start` and `stop` once each."""

    def __init__(self, queue: QueueClient, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._waiting: dict[int, datetime] = {}
        self._told: dict[int, datetime] = {}
        self._news = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def note(self, secret: ApplicationSecret, now: datetime) -> None:
        """A key with this secret was used. Returns at once."""
        known = [at for at in (secret.last_used_at, self._told.get(secret.id)) if at is not None]
        if known and now - max(known) < TOLD_EVERY:
            return
        if len(self._told) >= MAX_TOLD:
            del self._told[next(iter(self._told))]
        self._told.pop(secret.id, None)
        self._told[secret.id] = self._waiting[secret.id] = now
        self._news.set()

    def start(self) -> None:
        """Begin to tell of what is noted."""
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Tell no more. A use that was noted a moment ago is not worth waiting for."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            await self._clock.sleep(GATHERED_FOR_S)
            self._news.clear()
            while self._waiting:
                await self._tell(dict(islice(self._waiting.items(), MOST_USES)))

    async def _tell(self, uses: dict[int, datetime]) -> None:
        for secret_id in uses:
            del self._waiting[secret_id]
        command = {
            "type": "note-secret-uses",
            "data": {"uses": [{"secretId": number, "usedAt": iso(at)} for number, at in uses.items()]},
            "idempotencyKey": fresh_id(),
        }
        try:
            await self._queue.submit(command)
        except ConsoleError as refusal:
            for secret_id in uses:
                self._told.pop(secret_id, None)
            log.warning("uses_not_told", error=refusal.code, secrets=len(uses))
