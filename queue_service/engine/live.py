"""The units as this leader sees them: when each last beat, what it holds, and what it waits for. Leases are measured on
the leader's own monotonic clock; a new leader gives each a full period."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared.job_commands import Beat
from shared.jobs import Job
from shared.queues import QueueKey
from shared.units import LEASE_S, ExecutionUnit, UnitKey, types_of

GRANTS_KEPT: Final = 8
"""Claims of a unit whose grants are given again to whoever asks again."""

DELIVERY_S: Final = 1.0
"""A lease may be this long on its way to its unit before a beat that does not name it hands it back."""

FLUSH_EVERY_S: Final = 60.0


@dataclass(slots=True)
class Lease:
    """An attempt that a unit holds."""

    job_id: int
    attempt: int
    since: float
    timeout_s: int
    queue: QueueKey

    def has_timed_out(self, now: float) -> bool:
        return now - self.since >= self.timeout_s


@dataclass(slots=True, eq=False)
class Waiting:
    """A claim that waits. `callers` wait for it: one, but for a client that asks again before it hung up. `granted` is
    what was leased for it. `free` is set but for while a batch that may lease to it is under way."""

    number: int
    unit: UnitKey
    claim_id: str
    most: int
    future: "asyncio.Future[Sequence[Job]]"
    callers: int = 0
    granted: list[Job] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.free.set()


@dataclass(slots=True)
class LiveUnit:
    """One unit. `beat_at` is monotonic. `is_flushed`: the row says what the last beat said. `grants`: the jobs and
    attempts that its last claims got. `cancelled`: the jobs that were cancelled while it ran them, and when."""

    unit: ExecutionUnit
    beat_at: float
    load: int = 0
    details: dict[str, Any] = field(default_factory=dict)
    is_flushed: bool = True
    flushed_at: float = 0.0
    held: dict[int, Lease] = field(default_factory=dict)
    cancelled: dict[int, float] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    grants: OrderedDict[str, list[tuple[int, int]]] = field(default_factory=OrderedDict)

    @property
    def may_be_given(self) -> bool:
        return self.unit.status == "ONLINE"

    @property
    def room(self) -> int:
        """How many more it may hold: what it can work on, and as much again ahead."""
        return 2 * self.unit.capacity - len(self.held)

    def types(self) -> frozenset[str]:
        return types_of(self.unit)

    def is_silent(self, now: float) -> bool:
        return now - self.beat_at > LEASE_S

    def hear(self, beat: Beat, now: float) -> None:
        """Note a beat."""
        has_changed = (self.load, self.details) != (beat.currentLoad, beat.metadata)
        self.is_flushed = self.is_flushed and not has_changed and now - self.flushed_at < FLUSH_EVERY_S
        self.load, self.details, self.beat_at = beat.currentLoad, beat.metadata, now

    def unnamed(self, beat: Beat, now: float) -> list[Lease]:
        """The leases that a beat which names them leaves out: the unit does not have them."""
        if beat.leases is None:
            return []
        named = {(held.taskId, held.attempt) for held in beat.leases}
        return [
            lease
            for lease in self.held.values()
            if (lease.job_id, lease.attempt) not in named and now - lease.since >= DELIVERY_S
        ]

    def to_cancel(self, beat: Beat, now: float) -> list[int]:
        """What it should give up: told until it names it no more, or for as long as a lease."""
        named = None if beat.leases is None else {held.taskId for held in beat.leases}
        self.cancelled = {
            job_id: at
            for job_id, at in self.cancelled.items()
            if now - at < LEASE_S and (named is None or job_id in named or now - at < DELIVERY_S)
        }
        return sorted(self.cancelled)

    def lost(self, beat: Beat) -> list[int]:
        """What the unit names and does not hold."""
        return [
            named.taskId
            for named in beat.leases or ()
            if (lease := self.held.get(named.taskId)) is None or lease.attempt != named.attempt
        ]

    def keep(self, claim_id: str, granted: Sequence[Job]) -> None:
        """Remember what a claim got."""
        self.grants[claim_id] = [(job.id, job.attempt) for job in granted]
        while len(self.grants) > GRANTS_KEPT:
            self.grants.popitem(last=False)
