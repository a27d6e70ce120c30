"""Reading queues, as somebody sees them: what was set up, how many jobs there are, since when the oldest waits.

A queue is there when it was set up, or when there ever was a job of it. Numbers come from the rows that are kept by
whoever changes jobs: no job is counted.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, tuple_, union, union_all
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api_node.queries.departments import in_departments_of
from shared.db.tables import department, job, job_count, queue
from shared.principal import Principal
from shared.queues import Queue, QueueKey

_c = job_count.c
_PRIORITIES = range(10)

_FIRSTS_AT_ONCE: Final = 400
"""SELECTs in one statement: SQLite takes 500."""

MOST_GROUPS: Final = 100
"""Types and queues that are told one by one."""


@dataclass(slots=True)
class QueueNow:
    """A queue: what was set up (None: nothing), its jobs by state, and since when one has been waiting that may run."""

    key: QueueKey
    queue: Queue | None = None
    jobs: Counter[str] = field(default_factory=Counter)
    oldest_ready_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One page, by department and name."""

    queues: Sequence[QueueNow]
    total: int


async def page(engine: AsyncEngine, viewer: Principal, now: datetime, *, size: int, number: int) -> QueuePage:
    """A page by number of the queues that somebody sees."""
    known = union(
        select(_c.department_id, _c.queue).where(in_departments_of(viewer, _c.department_id)),
        select(queue.c.department_id, queue.c.name).where(in_departments_of(viewer, queue.c.department_id)),
    ).subquery()
    keys = select(known).order_by(*known.c).limit(size).offset((number - 1) * size)
    async with engine.connect() as connection:
        total = int((await connection.execute(select(func.count()).select_from(known))).scalar_one())
        found: Any = (await connection.execute(keys)).all()
        return QueuePage(await _as_they_are(connection, [(row[0], row[1]) for row in found], now), total)


@dataclass(frozen=True, slots=True)
class Groups:
    """Jobs by state, of the hundred largest groups; and how many there are of the others."""

    largest: dict[str, dict[str, int]]
    others: int


@dataclass(frozen=True, slots=True)
class JobStatistics:
    """How many jobs there are at one moment: each kind of group adds up to the same."""

    by_status: Counter[str]
    by_type: Groups
    by_queue: Groups


async def statistics(engine: AsyncEngine, viewer: Principal) -> JobStatistics:
    """Of the jobs that somebody sees."""
    kinds = (_c.queue, _c.task_type, _c.status)
    sums = select(*kinds, func.sum(_c.jobs)).where(in_departments_of(viewer, _c.department_id)).group_by(*kinds)
    by_status: Counter[str] = Counter()
    by_type: dict[str, Counter[str]] = defaultdict(Counter)
    by_queue: dict[str, Counter[str]] = defaultdict(Counter)
    async with engine.connect() as connection:
        rows: Any = await connection.execute(sums)
        for name, task_type, status, jobs in rows:
            for counted in (by_status, by_type[task_type], by_queue[name]):
                counted[status] += int(jobs)
    return JobStatistics(by_status, _groups(by_type), _groups(by_queue))


def _groups(counted: dict[str, Counter[str]]) -> Groups:
    there = [(name, jobs) for name, jobs in counted.items() if jobs.total()]
    there.sort(key=lambda group: (-group[1].total(), group[0]))
    largest = {name: dict(+jobs) for name, jobs in there[:MOST_GROUPS]}
    return Groups(largest, sum(jobs.total() for _, jobs in there[MOST_GROUPS:]))


async def set_up(engine: AsyncEngine, key: QueueKey) -> Queue | None:
    """What somebody set up of a queue; None for nothing."""
    wanted = select(queue).where(queue.c.department_id == key[0], queue.c.name == key[1])
    async with engine.connect() as connection:
        row = (await connection.execute(wanted)).first()
    return None if row is None else Queue(*row)


async def by_key(engine: AsyncEngine, viewer: Principal, key: QueueKey, now: datetime) -> QueueNow | None:
    """One queue; None for one of a department that somebody does not see."""
    exists = select(department.c.id).where(department.c.id == key[0], department.c.deleted_at.is_(None))
    async with engine.connect() as connection:
        is_seen = exists.where(in_departments_of(viewer, department.c.id))
        if (await connection.execute(is_seen)).first() is None:
            return None
        [found] = await _as_they_are(connection, [key], now)
        return found


async def _as_they_are(connection: AsyncConnection, keys: Sequence[QueueKey], now: datetime) -> list[QueueNow]:
    found = {key: QueueNow(key) for key in keys}
    if not found:
        return []
    rows: Any = await connection.execute(select(queue).where(tuple_(queue.c.department_id, queue.c.name).in_(keys)))
    for row in rows:
        set_up = Queue(*row)
        found[set_up.key].queue = set_up
    of = (_c.department_id, _c.queue)
    sums = select(*of, _c.task_type, _c.status, func.sum(_c.jobs)).where(tuple_(*of).in_(keys))
    rows = await connection.execute(sums.group_by(*of, _c.task_type, _c.status))
    types: dict[QueueKey, list[str]] = defaultdict(list)
    for department_id, name, task_type, status, jobs in rows:
        found[department_id, name].jobs[status] += int(jobs)
        if status == "PENDING" and jobs > 0:
            types[department_id, name].append(task_type)
    for key, oldest in (await _oldest(connection, types, now)).items():
        found[key].oldest_ready_at = oldest
    return list(found.values())


async def _oldest(
    connection: AsyncConnection, types: dict[QueueKey, list[str]], now: datetime
) -> dict[QueueKey, datetime]:
    """The due time of the first job of each queue that may run: of each type and priority the first in the index."""
    found: dict[QueueKey, datetime] = {}
    for key, of_queue in types.items():
        firsts = [
            select(func.min(job.c.run_at).label("at")).where(*_line(key, task_type), job.c.priority == priority)
            for task_type in of_queue
            for priority in _PRIORITIES
        ]
        instants: list[datetime] = []
        for start in range(0, len(firsts), _FIRSTS_AT_ONCE):
            rows = await connection.execute(union_all(*firsts[start : start + _FIRSTS_AT_ONCE]))
            instants += [at for at in rows.scalars() if at is not None]
        if instants and min(instants) <= now:
            found[key] = min(instants)
    return found


def _line(key: QueueKey, task_type: str) -> Collection[ColumnElement[bool]]:
    department_id, name = key
    of = (job.c.department_id == department_id, job.c.queue == name, job.c.task_type == task_type)
    return (*of, job.c.status == "PENDING")
