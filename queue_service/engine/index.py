"""Which jobs may be leased next, of those partitions that somebody wants: a bounded part of the backlog, best first.

A partition is a department, a queue and a type of job. Its part is read from the database when it is first wanted, and
whenever it may be wrong; what became due since is read when it does, and what comes next while the part is being used
up. What is in it is a hint: the batch that leases a job sees to it that its row is still so.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush, nsmallest
from types import MappingProxyType
from typing import Final

from queue_service.store.jobs import Ready
from shared.jobs import Job
from shared.queues import QueueKey

HELD: Final = 1_000
"""Ready jobs of a partition that are kept in memory; twice as many at most, for a while."""

LOW: Final = HELD // 2
"""With fewer left, what comes next is read."""

MOST_WHOLE: Final = 20_000
"""Jobs of all partitions that are kept with all that their row has, so that they need not be read when they are leased.
With their texts they take about 2 KiB each."""

MOST_BYTES: Final = 8 << 20
"""Of configs that are given at once: past it no further job is added."""

PartitionKey = tuple[int, str, str]
"""A department, a queue and a type of job."""


def partition_of(job: Job) -> PartitionKey:
    return job.department_id, job.queue, job.task_type


def ready_of(job: Job) -> Ready:
    return Ready(job.priority, job.run_at, job.id, job.config_bytes, job.queue)


Place = tuple[int, datetime, int]
"""Where a job stands: priority, due time and id. Tuples are compared faster than anything of ours."""


@dataclass(slots=True)
class Partition:
    """`is_stale`: to be read before it is used. `edge`: behind it there is more that is not in memory; None: there is
    not. `next_due`: when a job will be due that is not yet."""

    is_stale: bool = True
    edge: Ready | None = None
    next_due: datetime | None = None
    _heap: list[Place] = field(default_factory=list)
    _there: dict[int, Ready] = field(default_factory=dict)

    def begin(self) -> None:
        """It is about to be read: what is offered from here on comes on top of that."""
        self.is_stale, self.edge, self.next_due = False, None, None
        self._heap, self._there = [], {}

    def fill(
        self, found: Sequence[Ready], next_due: datetime | None, *, is_all: bool, besides: Collection[int]
    ) -> None:
        """Take what the database had, in order. `besides` are on their way to a unit. `is_all`: there was no more."""
        self.edge = None if is_all else found[-1]
        self.next_due = min((due for due in (next_due, self.next_due) if due is not None), default=None)
        self._there |= {ready.job_id: ready for ready in found if ready.job_id not in besides}
        self._heap = [ready.place for ready in self._there.values()]
        heapify(self._heap)

    def is_due(self, now: datetime) -> bool:
        """Whether a job has become due that is not in memory."""
        return self.next_due is not None and self.next_due <= now

    @property
    def is_low(self) -> bool:
        """Whether what comes next should be read: there is more, and soon nothing of it is left."""
        return self.edge is not None and len(self._there) < LOW

    def begin_due(self) -> datetime | None:
        """What became due is about to be read: from this time on. What was due before that is known."""
        since, self.next_due = self.next_due, None
        return since

    def take_due(
        self, found: Sequence[Ready], next_due: datetime | None, *, is_all: bool, besides: Collection[int]
    ) -> None:
        """Take in what became due. `besides` and `is_all` as in `fill`."""
        self.is_stale |= not is_all
        self.next_due = min((due for due in (next_due, self.next_due) if due is not None), default=None)
        self._add(ready for ready in found if ready.job_id not in besides and not self._is_behind(ready))

    def begin_extending(self) -> Ready | None:
        """What comes after this is about to be read; whatever is offered meanwhile is taken in."""
        edge, self.edge = self.edge, None
        return edge

    def extend(self, found: Sequence[Ready], *, is_all: bool, besides: Collection[int]) -> None:
        """Take what came next. `besides` and `is_all` as in `fill`."""
        self.edge = None if is_all else found[-1]
        self._add(ready for ready in found if ready.job_id not in besides)

    def offer(self, job: Job, now: datetime) -> None:
        """A job that waits, new or again."""
        if job.run_at > now:
            self.next_due = job.run_at if self.next_due is None else min(self.next_due, job.run_at)
            return
        ready = ready_of(job)
        if self._is_behind(ready):
            return  # it will be found when the part in memory is used up
        self._add([ready])
        if len(self._heap) > 2 * HELD:
            kept = nsmallest(HELD, self._there.values())
            self._heap = [ready.place for ready in kept]
            self._there = {ready.job_id: ready for ready in kept}
            self.edge = kept[-1]

    def forget(self, job_id: int) -> None:
        """It no longer waits."""
        self._there.pop(job_id, None)

    def __len__(self) -> int:
        return len(self._there)

    def _is_behind(self, ready: Ready) -> bool:
        return self.edge is not None and ready > self.edge

    def _add(self, more: Iterable[Ready]) -> None:
        for ready in more:
            if self._there.get(ready.job_id) != ready:
                self._there[ready.job_id] = ready
                heappush(self._heap, ready.place)

    def best(self) -> Ready | None:
        """What is next; None when nothing is, as far as is known."""
        while self._heap:
            ready = self._there.get(self._heap[0][2])
            if ready is not None and ready.place == self._heap[0]:
                return ready
            heappop(self._heap)
        return None

    def take(self) -> None:
        """Take away what `best` showed."""
        del self._there[heappop(self._heap)[2]]


@dataclass(slots=True)
class ReadyIndex:
    """The partitions that were asked for. `on_their_way` are jobs that a batch is about to lease, with their rows where
    they are known."""

    on_their_way: dict[int, Job | None] = field(default_factory=dict)
    _partitions: dict[PartitionKey, Partition] = field(default_factory=dict)

    def partition(self, key: PartitionKey) -> Partition:
        """The partition, empty and stale when nobody asked for it before."""
        return self._partitions.setdefault(key, Partition())

    def stale(self, keys: Iterable[PartitionKey], now: datetime) -> list[PartitionKey]:
        """Those that have to be read first: one more job is due, or it may be wrong."""
        return [key for key in keys if self.partition(key).is_stale or self.partition(key).is_due(now)]

    def low(self, keys: Iterable[PartitionKey]) -> list[PartitionKey]:
        """Those behind which more has to be read before long."""
        return [key for key in keys if self.partition(key).is_low]

    def take(
        self, keys: Iterable[PartitionKey], count: int, rooms: Mapping[QueueKey, int] = MappingProxyType({})
    ) -> list[Ready]:
        """The best `count` jobs of some partitions, put on their way; fewer where they are large. Of a queue that has a
        room at most so many."""
        left = dict(rooms)
        open_ = [(key[:2], self.partition(key)) for key in keys if left.get(key[:2], 1) > 0]
        taken: list[Ready] = []
        size = 0
        while len(taken) < count and size < MOST_BYTES:
            heads = [(head, n) for n, (_, partition) in enumerate(open_) if (head := partition.best()) is not None]
            if not heads:
                break
            head, n = min(heads)
            queue, partition = open_[n]
            partition.take()
            taken.append(head)
            size += head.size
            if queue in left:
                left[queue] -= 1
                open_ = [one for one in open_ if left.get(one[0], 1) > 0]
        self.on_their_way |= {ready.job_id: ready.job for ready in taken}
        return taken

    @property
    def keeps_whole(self) -> bool:
        """Whether there is room for whole rows of what is read next."""
        return sum(map(len, self._partitions.values())) < MOST_WHOLE

    def to_read(self) -> int:
        """How many jobs to read of a partition: so many that some are left, whatever is on its way."""
        return HELD + len(self.on_their_way)

    def arrived(self, job_ids: Iterable[int]) -> None:
        """What was on its way has ended, one way or the other."""
        for job_id in job_ids:
            self.on_their_way.pop(job_id, None)

    def offer(self, job: Job, now: datetime) -> None:
        """A job that waits, if anybody ever asked for its like."""
        if (partition := self._partitions.get(partition_of(job))) is not None:
            partition.offer(job, now)

    def forget(self, job: Job) -> None:
        """A job that does not wait any more."""
        if job.id in self.on_their_way:
            self.on_their_way[job.id] = None
        if (partition := self._partitions.get(partition_of(job))) is not None:
            partition.forget(job.id)

    def doubt(self, keys: Iterable[PartitionKey] | None = None) -> None:
        """Read these (None: all) again before they are used."""
        for key in self._partitions.keys() if keys is None else keys:
            self.partition(key).is_stale = True

    def next_due(self, keys: Iterable[PartitionKey]) -> datetime | None:
        """When the next job of these becomes due; None when none is known to."""
        dues = (self._partitions[key].next_due for key in keys if key in self._partitions)
        return min((due for due in dues if due is not None), default=None)
