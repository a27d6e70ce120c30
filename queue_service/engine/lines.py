"""The queues as the engine sees them: which there are, which are paused, and how many more jobs of each may begin.

What runs is counted from the leases that live, each time it is asked for; nothing counts up and down by itself, so
nothing can be off by one after a crash. What began lately is kept in the database by the batches that lease, and here.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from queue_service.engine.index import PartitionKey
from queue_service.engine.live import Lease
from shared.jobs import Job
from shared.queues import Allowance, Queue, QueueKey

TypeKey = tuple[int, str]
"""A department and a type of job."""


@dataclass(slots=True)
class Lines:
    """`promised`: what a batch is about to lease, by its token, of queues that are limited."""

    promised: dict[str, Counter[QueueKey]] = field(default_factory=dict)
    _queues: dict[QueueKey, Queue] = field(default_factory=dict)
    _of_type: dict[TypeKey, set[str]] = field(default_factory=dict)
    _starts: dict[QueueKey, deque[float]] = field(default_factory=dict)

    def load(self, queues: Iterable[Queue], lines: Iterable[PartitionKey]) -> None:
        """What the database has: of what is known already, the newer."""
        for queue in queues:
            self.follow(queue)
        for department_id, name, task_type in lines:
            self._of_type.setdefault((department_id, task_type), set()).add(name)

    def load_starts(
        self, starts: Iterable[tuple[int, datetime, int]], wall: datetime, now: float, since: float
    ) -> None:
        """When jobs began, from the database. What began `since` it was asked may not be among it, so that is kept, if
        it should be counted twice. A start in the future was a moment ago: the clock was set back."""
        keys = {queue.id: queue.key for queue in self._queues.values()}
        found: dict[QueueKey, list[float]] = {}
        for queue_id, at, jobs in starts:
            if (key := keys.get(queue_id)) is not None:
                age = max(0.0, (wall - at).total_seconds())
                found.setdefault(key, []).extend([now - age] * jobs)
        for key, kept in self._starts.items():
            found.setdefault(key, []).extend(at for at in kept if at >= since)
        self._starts = {key: deque(sorted(begun)) for key, begun in found.items()}

    def follow(self, queue: Queue) -> None:
        """A queue was set up, or changed."""
        known = self._queues.get(queue.key)
        if known is None or known.version < queue.version:
            self._queues[queue.key] = queue

    def note(self, job: Job) -> None:
        """There is a job of this kind."""
        names = self._of_type.get((job.department_id, job.task_type))
        if names is None:
            names = self._of_type[job.department_id, job.task_type] = set()
        names.add(job.queue)

    def note_start(self, job: Job, now: float) -> None:
        """A job began."""
        key = job.department_id, job.queue
        queue = self._queues.get(key)
        if queue is not None and queue.starts is not None:
            self._starts.setdefault(key, deque()).append(now)

    def partitions(self, department_id: int, task_types: Iterable[str]) -> list[PartitionKey]:
        """Those of these types that are not paused."""
        return [
            (department_id, name, task_type)
            for task_type in sorted(task_types)
            for name in sorted(self._of_type.get((department_id, task_type), ()))
            if not self.is_paused((department_id, name))
        ]

    def is_paused(self, key: QueueKey) -> bool:
        queue = self._queues.get(key)
        return queue is not None and queue.is_paused

    def version(self, key: QueueKey) -> int:
        """That of what was set up of a queue; 0 when nothing was."""
        queue = self._queues.get(key)
        return 0 if queue is None else queue.version

    def is_free(self, key: QueueKey) -> bool:
        """Whether any number of its jobs may begin."""
        queue = self._queues.get(key)
        return queue is None or not (queue.is_paused or queue.is_limited)

    def rooms(self, leases: Iterable[Lease], now: float, *, is_certain: bool) -> dict[QueueKey, int]:
        """How many more jobs of each limited queue may begin; none while it is not certain what did."""
        limited = {key: queue for key, queue in self._queues.items() if queue.is_limited}
        if not limited:
            return {}
        if not is_certain:
            return dict.fromkeys(limited, 0)
        running = Counter({lease.job_id: lease.queue for lease in leases if lease.queue in limited}.values())
        promised = sum(self.promised.values(), Counter[QueueKey]())
        rooms: dict[QueueKey, int] = {}
        for key, queue in limited.items():
            left = [] if queue.concurrency is None else [queue.concurrency - running[key]]
            left += [] if queue.starts is None else [queue.starts - len(self._lately(queue, now))]
            rooms[key] = max(0, min(left) - promised[key])
        return rooms

    def next_room_at(self, now: float) -> float | None:
        """When a queue may begin another job that may not yet, for the number of those that began lately."""
        frees = (self._free_at(queue, now) for queue in self._queues.values())
        return min((at for at in frees if at is not None), default=None)

    def allowance(self, key: QueueKey, leases: Iterable[Lease], now: float) -> Allowance:
        """What a queue lets begin."""
        running = len({lease.job_id for lease in leases if lease.queue == key})
        queue = self._queues.get(key)
        at = None if queue is None else self._free_at(queue, now)
        return Allowance(running, None if at is None else max(0.0, round(at - now, 3)))

    def _free_at(self, queue: Queue, now: float) -> float | None:
        """When it may begin another job that it may not begin yet; None when it may, as far as that goes."""
        if queue.starts is None or len(lately := self._lately(queue, now)) < queue.starts:
            return None
        return lately[-queue.starts] + (queue.starts_per_ms or 0) / 1000

    def _lately(self, queue: Queue, now: float) -> deque[float]:
        """When jobs of a queue began, of those that its limit counts."""
        lately = self._starts.setdefault(queue.key, deque())
        while lately and now - lately[0] >= (queue.starts_per_ms or 0) / 1000:
            lately.popleft()
        while len(lately) > (
            queue.starts or 0
        ):  # a limit that was lowered: the newest alone say when the next may begin
            lately.popleft()
        return lately
