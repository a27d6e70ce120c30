"""What attempts leave behind while they run: steps that are done, and lines of a log."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import delete, func, select, tuple_

from queue_service.store.session import Transaction
from queue_service.store.statement import Statement
from queue_service.store.versioned import append
from shared.db.tables import job_log, job_step
from shared.jobs import JobStep, LogLine

_STEP: Final = JobStep._fields
_LINE: Final = LogLine._fields
_s = job_step.c
_l = job_log.c


def keep_steps(tx: Transaction, steps: Sequence[JobStep]) -> Statement[int]:
    """Write steps that are done."""
    return append(tx, job_step, _STEP, steps)


def keep_lines(tx: Transaction, lines: Sequence[LogLine]) -> Statement[int]:
    """Write lines of logs."""
    return append(tx, job_log, _LINE, lines)


async def steps(tx: Transaction, job_ids: Collection[int]) -> dict[int, dict[str, JobStep]]:
    """The steps of jobs by name; every job is there."""
    found: dict[int, dict[str, JobStep]] = {job_id: {} for job_id in job_ids}
    rows: Any = (await tx.execute(select(job_step).where(_s.job_id.in_(sorted(job_ids))))).all()
    for row in rows:
        found[row.job_id][row.name] = JobStep(*row)
    return found


async def last_lines(tx: Transaction, attempts: Collection[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """The last line of each of these attempts (job, number) that has any."""
    last = select(_l.job_id, _l.attempt, func.max(_l.line)).group_by(_l.job_id, _l.attempt)
    rows: Any = (await tx.execute(last.where(tuple_(_l.job_id, _l.attempt).in_(sorted(attempts))))).all()
    return {(job_id, attempt): line for job_id, attempt, line in rows}


async def forget_steps(tx: Transaction, job_ids: Collection[int]) -> None:
    """Jobs begin from their beginning again."""
    if job_ids:
        await tx.execute(delete(job_step).where(_s.job_id.in_(sorted(job_ids))))


async def as_many_as(tx: Transaction, job_ids: Sequence[int], most_rows: int) -> list[int]:
    """Of these jobs the first ones that left at most so many steps and lines together; one at least."""
    sizes = dict.fromkeys(job_ids, 1)
    for table in (job_step, job_log):
        counted = select(table.c.job_id, func.count()).where(table.c.job_id.in_(job_ids)).group_by(table.c.job_id)
        rows: Any = (await tx.execute(counted)).all()
        for job_id, count in rows:
            sizes[job_id] += count
    taken: list[int] = []
    for job_id in job_ids:
        most_rows -= sizes[job_id]
        if taken and most_rows < 0:
            break
        taken.append(job_id)
    return taken
