"""What the engine asks of the jobs, and the attempts that it writes."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, delete, func, literal_column, not_, null, or_, select, tuple_

from queue_service.domain.jobs import KEPT, is_small
from queue_service.store import counts, job_records, unique_keys
from queue_service.store.aggregates import SMALL_JOBS
from queue_service.store.people import paths_of
from queue_service.store.session import Transaction
from queue_service.store.statement import Statement
from queue_service.store.versioned import append
from shared.db.tables import execution_unit, job, job_attempt, job_intervention, job_log, job_step
from shared.jobs import TERMINAL, Intervention, Job, JobAttempt
from shared.units import ExecutionUnit

PRIORITIES: Final = range(10)
UNFINISHED: Final = ("PENDING", "RUNNING", "PAUSED")
_COUNTED: Final = 10_000
_MOST_ROWS: Final = 5_000
_COLUMNS: Final = JobAttempt._fields
_NOTED: Final = Intervention._fields
_c = job.c


@dataclass(frozen=True, slots=True, order=True)
class Ready:
    """A job that may be leased, in the order in which jobs are. `job` is its row, where that is kept."""

    priority: int
    run_at: datetime
    job_id: int
    size: int = field(compare=False)
    queue: str = field(compare=False)
    job: Job | None = field(default=None, compare=False)

    @property
    def place(self) -> tuple[int, datetime, int]:
        return self.priority, self.run_at, self.job_id


def record(tx: Transaction, attempts: Sequence[JobAttempt]) -> Statement[int]:
    """Write attempts that have ended."""
    return append(tx, job_attempt, _COLUMNS, attempts)


def note(tx: Transaction, interventions: Sequence[Intervention]) -> Statement[int]:
    """Write what was done to jobs."""
    return append(tx, job_intervention, _NOTED, interventions)


def paths(tx: Transaction, job_ids: Collection[int]) -> Statement[dict[int, str]]:
    """The path of each department that these jobs are in, by the department's id."""
    return paths_of(tx, job, job_ids)


async def attempts(tx: Transaction, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], JobAttempt]:
    """Attempts that have ended, by job and number, without what went wrong."""
    a = job_attempt.c
    columns = (null().label("error") if name == "error" else a[name] for name in _COLUMNS)
    rows: Sequence[Any] = (await tx.execute(select(*columns).where(tuple_(a.job_id, a.attempt).in_(wanted)))).all()
    return {(row.job_id, row.attempt): JobAttempt(*row) for row in rows}


async def ready(
    tx: Transaction,
    department_id: int,
    queue: str,
    task_type: str,
    *,
    since: datetime | None = None,
    due: datetime,
    limit: int,
    whole: bool,
) -> tuple[list[Ready], datetime | None]:
    """The first `limit` jobs of a department, queue and type that may run, in their order, and when the next one will
    be due that is not yet. `since`: only those that became due from then on. `whole`: with the rows of those that are
    small.

    Priority by priority, so that each is a short walk along the index, whatever waits behind it.
    """
    found: list[Ready] = []
    next_due: datetime | None = None
    for priority in PRIORITIES:
        of_priority = (*_waiting(department_id, queue, task_type), _c.priority == priority)
        later = await tx.execute(select(func.min(_c.run_at)).where(*of_priority, _c.run_at > due))
        if (at := later.scalar_one()) is not None:
            next_due = at if next_due is None else min(at, next_due)
        if len(found) < limit:
            rows = select(job).where(*of_priority, _c.run_at <= due, _lasts(due))
            rows = rows if since is None else rows.where(_c.run_at >= since)
            found += await _ready(tx, rows.order_by(_c.run_at, _c.id).limit(limit - len(found)), whole=whole)
    return found, next_due


async def _ready(tx: Transaction, which: Select[Any], *, whole: bool) -> list[Ready]:
    if not whole:
        heads = which.with_only_columns(_c.priority, _c.run_at, _c.id, _c.config_bytes, _c.queue)
        rows: Sequence[Any] = (await tx.execute(heads)).all()
        return [Ready(*row) for row in rows]
    found = await SMALL_JOBS.find(tx, which)
    return [Ready(j.priority, j.run_at, j.id, j.config_bytes, j.queue, j if is_small(j) else None) for j in found]


def _waiting(department_id: int, queue: str, task_type: str) -> tuple[ColumnElement[bool], ...]:
    of = (_c.department_id == department_id, _c.queue == queue, _c.task_type == task_type)
    return (*of, _c.status == "PENDING")


def _lasts(now: datetime) -> ColumnElement[bool]:
    """Of an unfinished job: its time is not over."""
    return or_(_c.lapses_at.is_(None), _c.lapses_at > now)


async def overdue(tx: Transaction, now: datetime, limit: int) -> tuple[list[int], datetime | None]:
    """The unfinished jobs whose time is over, the longest first, and when that of the next one will be."""
    found: list[int] = []
    soonest: list[datetime] = []
    for status in UNFINISHED:
        lapsing = (_c.status == status, _c.lapses_at.is_not(None))
        rows = select(_c.id).where(*lapsing, _c.lapses_at <= now).order_by(_c.lapses_at).limit(limit - len(found))
        found += (await tx.execute(rows)).scalars()
        at = (await tx.execute(select(func.min(_c.lapses_at)).where(*lapsing, _c.lapses_at > now))).scalar_one()
        soonest += [] if at is None else [at]
    return found, now if len(found) == limit else min(soonest, default=None)


async def ready_after(
    tx: Transaction,
    department_id: int,
    queue: str,
    task_type: str,
    *,
    after: Ready,
    due: datetime,
    limit: int,
    whole: bool,
) -> list[Ready]:
    """The next `limit` of them behind one."""
    found: list[Ready] = []
    for priority in range(after.priority, len(PRIORITIES)):
        mine = _waiting(department_id, queue, task_type)
        rows = select(job).where(*mine, _c.priority == priority, _c.run_at <= due, _lasts(due))
        if priority == after.priority:
            is_later = or_(_c.run_at > after.run_at, and_(_c.run_at == after.run_at, _c.id > after.job_id))
            rows = rows.where(_c.run_at >= after.run_at, is_later)
        found += await _ready(tx, rows.order_by(_c.run_at, _c.id).limit(limit - len(found)), whole=whole)
        if len(found) == limit:
            break
    return found


async def unfinished(tx: Transaction, department_id: int) -> int:
    """How many jobs of a department wait or run; at most so many as are counted in a moment."""
    some = select(_c.id).where(_c.department_id == department_id, _c.status.in_(UNFINISHED)).limit(_COUNTED).subquery()
    return int((await tx.execute(select(func.count()).select_from(some))).scalar_one())


async def prune(tx: Transaction, *, now: datetime, newest_kept: int, limit: int) -> int:
    """Forget at most `limit` finished jobs that need not be kept any longer, and what belongs to them; how many were
    forgotten. Of the completed ones that do not say how long, the `newest_kept` stay however old they are."""
    doomed: list[int] = []
    for status in sorted(TERMINAL):
        finished = select(_c.id).where(_c.status == status, _c.lapses_at <= now)
        if status == "COMPLETED":
            finished = finished.where(not_(await _spared(tx, now, newest_kept)))
        finished = finished.order_by(_c.lapses_at, _c.id).limit(limit - len(doomed))
        doomed += (await tx.execute(finished)).scalars()
    if doomed:
        doomed = await job_records.as_many_as(tx, doomed, _MOST_ROWS)
        # what somebody tries anew meanwhile stays: again by the row, which is held from here on
        still = select(_c.id, _c.department_id, _c.queue, _c.task_type, _c.status)
        still = still.where(_c.id.in_(doomed), _c.status.in_(sorted(TERMINAL)), _c.lapses_at <= now).order_by(_c.id)
        rows: Any = (await tx.execute(still.with_hint(job, "FORCE INDEX (PRIMARY)", "mysql").with_for_update())).all()
        doomed = [row[0] for row in rows]
        gone = Counter(tuple(row[1:]) for row in rows)
        await counts.add(tx, {kind: -jobs for kind, jobs in gone.items()}, writer=counts.PRUNER)
        await unique_keys.forget(tx, doomed)
        for of_jobs in (job_attempt, job_intervention, job_step, job_log):
            await tx.execute(delete(of_jobs).where(of_jobs.c.job_id.in_(doomed)))
        await tx.execute(delete(job).where(_c.id.in_(doomed)))
    return len(doomed)


async def _spared(tx: Transaction, now: datetime, newest_kept: int) -> ColumnElement[bool]:
    """Which completed jobs stay though their time is over: the newest, of those that say nothing of how long."""
    usual = _c.kept_completed_s.is_(None)
    # what a unique key keeps for longer than is usual would hide the others
    newest = select(_c.lapses_at, _c.id).where(_c.status == "COMPLETED", usual, _c.lapses_at <= now + KEPT["COMPLETED"])
    newest = newest.order_by(_c.lapses_at.desc(), _c.id.desc()).offset(newest_kept).limit(1)
    first: Any = (await tx.execute(newest)).first()
    if first is None:
        return usual
    return and_(usual, or_(_c.lapses_at > first.lapses_at, and_(_c.lapses_at == first.lapses_at, _c.id > first.id)))


async def running(tx: Transaction) -> list[Job]:
    """Every job that is leased, without its config: no more than the units together hold."""
    columns = (literal_column("''") if column is _c.config else column for column in job.columns)
    rows: Sequence[Any] = (await tx.execute(select(*columns).where(_c.status == "RUNNING").order_by(_c.id))).all()
    return [Job(*row) for row in rows]


async def units(tx: Transaction) -> list[ExecutionUnit]:
    """Every unit that was not taken away."""
    wanted = select(execution_unit).where(execution_unit.c.deleted_at.is_(None))
    rows: Sequence[Any] = (await tx.execute(wanted)).all()
    return [ExecutionUnit(*row) for row in rows]
