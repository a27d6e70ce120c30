"""Queues, the named lines of a department's jobs, as both the nodes and the writer see them (seed 002).

A queue that nobody set up needs no row: jobs are submitted to it all the same, and nothing limits them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.clock import iso
from shared.jsonio import loads

QueueKey = tuple[int, str]
"""A department and the name that a queue has in it."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What was set up of a queue. `concurrency`: attempts that run at once; `starts`: those that begin in any
    `starts_per_ms`; None: any number. `paused_at` None: it is not. `paused_by` is JSON: `{kind, id, name}`."""

    id: int
    department_id: int
    name: str
    concurrency: int | None
    starts: int | None
    starts_per_ms: int | None
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def key(self) -> QueueKey:
        return self.department_id, self.name

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    @property
    def is_limited(self) -> bool:
        return self.concurrency is not None or self.starts is not None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a queue lets begin now, as the engine sees it: how many of its jobs run, and when another one may begin that
    may not yet for the number of those that began lately."""

    running: int
    next_start_in_s: float | None

    def view(self) -> dict[str, Any]:
        """The wire shape."""
        return {"running": self.running, "nextStartInS": self.next_start_in_s}


def not_set_up(department_id: int, name: str, now: datetime) -> Queue:
    """A queue of which nobody said anything: its version is 0."""
    return Queue(
        id=0,
        department_id=department_id,
        name=name,
        concurrency=None,
        starts=None,
        starts_per_ms=None,
        paused_at=None,
        paused_by=None,
        pause_reason=None,
        version=0,
        created_at=now,
        updated_at=now,
    )


def queue_view(queue: Queue) -> dict[str, Any]:
    """What the API shows of what was set up."""
    return {
        "name": queue.name,
        "departmentId": queue.department_id,
        "concurrency": queue.concurrency,
        "starts": None if queue.starts is None else {"most": queue.starts, "perMs": queue.starts_per_ms},
        "isPaused": queue.is_paused,
        "pausedAt": None if queue.paused_at is None else iso(queue.paused_at),
        "pausedBy": None if queue.paused_by is None else loads(queue.paused_by),
        "pauseReason": queue.pause_reason,
        "version": queue.version,
    }
