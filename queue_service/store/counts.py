"""How many jobs there are of each department, queue, type and state: rows kept by whoever changes jobs, in the very
transaction that does. Nobody ever counts jobs (DESIGN 4)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import select

from queue_service.domain.workingset import Change
from queue_service.store.session import Transaction
from queue_service.store.statement import Statement, the_count
from queue_service.store.versioned import insert_head, insert_parts
from shared.db.tables import job_count
from shared.jobs import Job

PRUNER: Final = 2
"""The writer that forgets jobs; the others are the shards of the engine's lane."""

Kind = tuple[int, str, str, str]
"""Department, queue, type and state."""

_COLUMNS: Final = ("department_id", "queue", "task_type", "status", "writer", "jobs")


def kind_of(job: Job) -> Kind:
    return job.department_id, job.queue, job.task_type, job.status


def difference(changes: Iterable[Change]) -> Counter[Kind]:
    """How many more jobs there are of each kind after some changes; less than 0 for fewer."""
    more: Counter[Kind] = Counter()
    for change in changes:
        if isinstance(change.after, Job):
            more[kind_of(change.after)] += 1
            if isinstance(change.before, Job):
                more[kind_of(change.before)] -= 1
    return more


def add(tx: Transaction, more: Mapping[Kind, int], *, writer: int) -> Statement[int]:
    """Add to the counts. Rows are in order, and each writer's are its own: nobody waits for anybody."""
    rows = [(*kind, writer, jobs) for kind, jobs in sorted(more.items()) if jobs]
    parts = insert_parts(tx.dialect, insert_head(tx.dialect, job_count, _COLUMNS), rows)
    end = tx.dialect.adding_to(job_count.c.jobs)
    return Statement(tx, [(text + end, values) for text, values in parts], the_count)


async def lines(tx: Transaction) -> list[tuple[int, str, str]]:
    """Every department, queue and type of which there ever was a job."""
    c = job_count.c
    rows: Any = await tx.execute(select(c.department_id, c.queue, c.task_type).distinct())
    return [tuple(row) for row in rows]
