"""The door of the writer: bounded, and one run for each idempotency key.

A command whose key is under way joins the one that runs; a full intake refuses at once instead of letting callers
wait for a queue that does not drain.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from queue_service.commands import KINDS
from queue_service.domain.command import Answer, Command
from queue_service.writer.deferred import Deferred
from queue_service.writer.lane import Lane
from queue_service.writer.pending import Pending
from shared.errors import IdempotencyMismatch, QueueFull, ShuttingDown


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What the writer holds at most, waiting or in a batch."""

    commands: int = 10_000
    bytes: int = 64 << 20


class Preparer(Protocol):
    """Who may add to a command that was accepted, and then hears how it ended."""

    def prepare(self, command: Command) -> Command: ...

    def ended(self, command: Command, outcome: asyncio.Future[Answer]) -> None: ...


class Intake:
    """Accepts commands and gives each to its lane. `lanes` maps a kind's lane to the shards it is hashed over."""

    def __init__(self, lanes: Mapping[str, Sequence[Lane]], limits: IntakeLimits, preparer: Preparer) -> None:
        self._preparer = preparer
        self._lanes = lanes
        self._limits = limits
        self._under_way: dict[str, Pending] = {}
        self._bytes = 0
        self._is_open = True
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def length(self) -> int:
        """Commands accepted and not yet answered."""
        return len(self._under_way)

    def accept(self, command: Command) -> asyncio.Future[Answer]:
        """Take a command, or join the one under its key. The future brings its outcome; that of a deferred one, that it
        is stored (202), unless its key runs or ran undeferred. It is not the caller's own: shield it, never cancel it.

        Raises QueueFull or ShuttingDown when it is not accepted, and IdempotencyMismatch when another request runs
        under its key.
        """
        pending = self._under_way_as(command) or self._admit(command)
        if command.deferral is not None and isinstance(pending, Deferred):
            return pending.stored
        return pending.future

    async def submit(self, command: Command) -> Answer:
        """Wait for the outcome of a command. Being cancelled leaves the command running: it was accepted.

        Raises what `accept` raises, and the command's own refusal.
        """
        return await asyncio.shield(self.accept(command))

    def resume(self, command: Command) -> None:
        """Take a command that was stored before: it was accepted then, whatever the limits are now."""
        self._take(command)

    def close(self) -> None:
        """Accept nothing more."""
        self._is_open = False

    async def drained(self) -> None:
        """Wait until everything accepted is answered."""
        await self._empty.wait()

    def _under_way_as(self, command: Command) -> Pending | None:
        """What runs under the command's key. Raises IdempotencyMismatch when that is another request."""
        running = self._under_way.get(command.operation_id)
        if running is not None and running.command.fingerprint != command.fingerprint:
            raise IdempotencyMismatch
        return running

    def _admit(self, command: Command) -> Pending:
        if not self._is_open:
            raise ShuttingDown
        if len(self._under_way) >= self._limits.commands or self._bytes + command.size > self._limits.bytes:
            raise QueueFull
        return self._take(command)

    def _take(self, command: Command) -> Pending:
        now = asyncio.get_running_loop().time()
        command = self._preparer.prepare(command)
        lane = self._lane_of(command)
        pending = (
            Pending(command, accepted_at=now)
            if command.deferral is None
            else Deferred(command, accepted_at=now, again=lane.put, is_open=lambda: self._is_open)
        )
        self._under_way[command.operation_id] = pending
        self._bytes += command.size
        self._empty.clear()
        pending.future.add_done_callback(lambda _: self._release(command))
        pending.future.add_done_callback(partial(self._preparer.ended, command))
        lane.put(pending)
        return pending

    def _release(self, command: Command) -> None:
        del self._under_way[command.operation_id]
        self._bytes -= command.size
        if not self._under_way:
            self._empty.set()

    def _lane_of(self, command: Command) -> Lane:
        kind = KINDS[command.type]
        shards = self._lanes[kind.lane]
        aggregate = kind.shard(command.data)
        # what nothing orders is spread by its operation id, which is uniform
        return shards[(aggregate if aggregate is not None else int(command.operation_id[:8], 16)) % len(shards)]
