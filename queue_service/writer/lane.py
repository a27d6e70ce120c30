"""A lane: one ordered stream of commands, cut into batches and written one batch after the other.

While a batch is being committed the next one fills. Adaptive: a batch is cut as soon as the writer is free, so the
interval is an upper bound and never a toll on a lone write. Interval: the plain timer, for those who prefer fewer and
fuller commits to latency.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from queue_service.store.session import Session
from queue_service.writer.pending import Pending
from shared.errors import DatabaseUnavailable

MAX_BATCH_WEIGHT: Final = 1_000
"""Rows a batch touches at most, whatever its number of commands."""

WriteBatch = Callable[[Session, Sequence[Pending]], Awaitable[bool]]
"""Resolves every command of a batch; False when there is no database."""


@dataclass(frozen=True, slots=True)
class FlushPolicy:
    """When a batch is cut: at `size` commands, or `interval_s` after its first, or at once when the lane is free."""

    size: int = 10
    interval_s: float = 0.1
    mode: Literal["adaptive", "interval"] = "adaptive"


class Lane:
    """Runs until cancelled; `put` is called from the same event loop."""

    def __init__(self, name: str, *, session: Session, write: WriteBatch, policy: FlushPolicy) -> None:
        self.name = name
        self.in_batch = 0
        self._session = session
        self._write = write
        self._policy = policy
        self._waiting: deque[Pending] = deque()
        self._arrived = asyncio.Event()
        self._filled = asyncio.Event()

    def put(self, pending: Pending) -> None:
        """Add a command to the end of the lane."""
        self._waiting.append(pending)
        self._arrived.set()
        if len(self._waiting) >= self._policy.size:
            self._filled.set()

    @property
    def length(self) -> int:
        """Commands that wait for a batch."""
        return len(self._waiting)

    async def run(self) -> None:
        """Cut and write batches for ever. Ends only by cancellation or by what `write` raises (Deposed)."""
        while True:
            await self._arrived.wait()
            if self._policy.mode == "interval":
                await self._until_full_or_due()
            # the lock first, the cut after: while other lanes hold a shared connection, this batch keeps filling
            async with self._session.lock:
                batch = self._cut()
                self.in_batch = len(batch)
                try:
                    has_database = await self._write(self._session, batch)
                finally:
                    self.in_batch = 0
            if not has_database:
                self._refuse_the_waiting()

    async def _until_full_or_due(self) -> None:
        due_at = self._waiting[0].accepted_at + self._policy.interval_s
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(due_at if due_at > loop.time() else loop.time()):
                await self._filled.wait()
        except TimeoutError:
            return

    def _refuse_the_waiting(self) -> None:
        """Without a database each batch would wait out its replays, the last of a long lane for minutes: say so now."""
        while self._waiting:
            self._waiting.popleft().resolve(DatabaseUnavailable())
        self._arrived.clear()
        self._filled.clear()

    def _cut(self) -> list[Pending]:
        batch = [self._waiting.popleft()]
        weight = batch[0].command.weight
        while self._waiting and len(batch) < self._policy.size:
            weight += self._waiting[0].command.weight
            if weight > MAX_BATCH_WEIGHT:
                break
            batch.append(self._waiting.popleft())
        if not self._waiting:
            self._arrived.clear()
        if len(self._waiting) < self._policy.size:
            self._filled.clear()
        return batch
