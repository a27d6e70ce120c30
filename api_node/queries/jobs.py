"""Reading jobs and the attempts at them, as somebody sees them: administrators all of them, others those of their
department and below."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api_node.queries.departments import in_departments_of
from api_node.queries.json_lists import is_listed
from api_node.queries.tasks import COUNT_CAP
from shared.db.tables import job, job_attempt, job_intervention, job_log, job_step
from shared.jobs import Intervention, Job, JobAttempt, JobStep, LogLine, completing_attempt
from shared.principal import Principal

MOST_GROUPS: Final = 100
"""Kinds of failure that are told one by one."""

MOST_ATTEMPTS: Final = 500
"""Attempts that are shown of one job, the newest: handing back costs none, so that there may be any number."""

_LAST: Final = "\U0010ffff"
"""The last of all characters."""

_c = job.c
_a = job_attempt.c
_i = job_intervention.c
_l = job_log.c


class Beginning(str):
    """What a name begins with, where a plain string is all of it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are asked for; the default is all that the viewer sees.

    Of `statuses`, `task_types`, `queues`, `units` (of the last attempt) and `groups` (of the last error) one has to be
    it, where there are any. Every
    one of `tags`, `errors` (text in the last error) and `words` (text in the name) must be there. Submitted
    `created_after` and `created_before`.
    """

    statuses: frozenset[str] = frozenset()
    task_types: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page, newest first. `next_before_id` is where the next page starts; None on the last one."""

    jobs: Sequence[Job]
    total: int
    total_is_capped: bool
    next_before_id: int | None


async def page(
    engine: AsyncEngine,
    viewer: Principal,
    wanted: JobFilter,
    *,
    page_size: int,
    page_number: int = 1,
    before_id: int | None = None,
) -> JobPage:
    """A page by number or (`before_id`) after the last id of the page before."""
    asked = _matching(viewer, wanted)
    rows = select(job).where(asked).order_by(_c.id.desc()).limit(page_size + 1)
    rows = rows.where(_c.id < before_id) if before_id is not None else rows.offset((page_number - 1) * page_size)
    capped = select(_c.id).where(asked).limit(COUNT_CAP + 1).subquery()
    async with engine.connect() as connection:
        found = [Job(*row) for row in await connection.execute(rows)]
        total = int((await connection.execute(select(func.count()).select_from(capped))).scalar_one())
    has_more = len(found) > page_size
    shown = found[:page_size]
    return JobPage(shown, min(total, COUNT_CAP), total > COUNT_CAP, shown[-1].id if has_more else None)


async def by_id(engine: AsyncEngine, viewer: Principal, job_id: int) -> Job | None:
    """The job if the viewer sees it; None for one that is absent or not theirs to see."""
    async with engine.connect() as connection:
        return await _by_id(connection, viewer, job_id)


async def _by_id(connection: AsyncConnection, viewer: Principal, job_id: int) -> Job | None:
    row = (await connection.execute(select(job).where(_c.id == job_id, _visible_to(viewer)))).first()
    return None if row is None else Job(*row)


async def with_attempts(engine: AsyncEngine, viewer: Principal, job_id: int) -> tuple[Job, Sequence[JobAttempt]] | None:
    """The job if the viewer sees it, and the newest MOST_ATTEMPTS of its attempts that have ended, oldest first. None
    for one that is absent or not theirs to see."""
    async with engine.connect() as connection:
        found = await _by_id(connection, viewer, job_id)
        if found is None:
            return None
        # an attempt that ended since the job was read still runs, as far as this answer goes
        ended_up_to = found.attempt - 1 if found.status == "RUNNING" else found.attempt
        rows = select(job_attempt).where(_a.job_id == job_id, _a.attempt <= ended_up_to)
        rows = rows.order_by(_a.attempt.desc()).limit(MOST_ATTEMPTS)
        ended = [JobAttempt(*row) for row in await connection.execute(rows)][::-1]
    if (last := completing_attempt(found)) is not None:
        ended.append(last)
    return found, ended[-MOST_ATTEMPTS:]


async def ahead(engine: AsyncEngine, of: Job, now: datetime) -> int:
    """How many jobs of the same queue and type would be given before this one; COUNT_CAP where it is more."""
    line = (_c.department_id == of.department_id, _c.queue == of.queue, _c.task_type == of.task_type)
    mine = (*line, _c.status == "PENDING")
    is_before = or_(
        _c.priority < of.priority,
        and_(_c.priority == of.priority, _c.run_at < of.run_at),
        and_(_c.priority == of.priority, _c.run_at == of.run_at, _c.id < of.id),
    )
    some = select(_c.id).where(*mine, _c.run_at <= now, is_before).limit(COUNT_CAP).subquery()
    async with engine.connect() as connection:
        return int((await connection.execute(select(func.count()).select_from(some))).scalar_one())


async def last_intervention(engine: AsyncEngine, job_id: int, actions: Collection[str]) -> Intervention | None:
    """The last time that somebody did one of these to a job."""
    rows = select(job_intervention).where(_i.job_id == job_id, _i.action.in_(sorted(actions)))
    async with engine.connect() as connection:
        row = (await connection.execute(rows.order_by(_i.version.desc()).limit(1))).first()
    return None if row is None else Intervention(*row)


async def interventions(engine: AsyncEngine, job_id: int) -> Sequence[Intervention]:
    """What was done to a job, the newest MOST_ATTEMPTS, oldest first."""
    rows = select(job_intervention).where(_i.job_id == job_id).order_by(_i.version.desc()).limit(MOST_ATTEMPTS)
    async with engine.connect() as connection:
        return [Intervention(*row) for row in await connection.execute(rows)][::-1]


@dataclass(frozen=True, slots=True)
class Failures:
    """Jobs that FAILED in the same way: how many, between when and when, and the latest of them."""

    latest: Job
    count: int
    first_at: datetime
    last_at: datetime


async def failures(engine: AsyncEngine, viewer: Principal, wanted: JobFilter) -> tuple[Sequence[Failures], int]:
    """The MOST_GROUPS kinds with most jobs, of what is asked for, and how many jobs are of others."""
    asked = _matching(viewer, replace(wanted, statuses=frozenset({"FAILED"})))
    count = func.count().label("count")
    grouped = select(func.max(_c.id), count, func.min(_c.completed_at), func.max(_c.completed_at)).where(asked)
    grouped = grouped.group_by(_c.task_type, _c.failure_group).order_by(count.desc(), func.max(_c.id).desc())
    async with engine.connect() as connection:
        rows = (await connection.execute(grouped.limit(MOST_GROUPS))).all()
        latest = {row[0]: row for row in rows}
        found = await connection.execute(select(job).where(_c.id.in_(sorted(latest))))
        there = {each.id: each for each in (Job(*row) for row in found)}
        total = int((await connection.execute(select(func.count()).select_from(job).where(asked))).scalar_one())
    # one that was tried anew or forgotten since is not shown: it is none of them any more
    shown = [Failures(there[job_id], *row[1:]) for job_id, row in latest.items() if job_id in there]
    return shown, max(0, total - sum(row[1] for row in rows))


async def steps(engine: AsyncEngine, job_id: int) -> Sequence[JobStep]:
    """What is done of a job, in the order in which it was."""
    rows = select(job_step).where(job_step.c.job_id == job_id).order_by(job_step.c.at, job_step.c.name)
    async with engine.connect() as connection:
        return [JobStep(*row) for row in await connection.execute(rows)]


async def log_lines(
    engine: AsyncEngine, job_id: int, *, levels: Collection[str], after: tuple[int, int], limit: int
) -> Sequence[LogLine]:
    """What attempts at a job said, of these levels, in order. `after`: an attempt and a line of it."""
    attempt, line = after
    rows = select(job_log).where(_l.job_id == job_id, _l.level.in_(sorted(levels)))
    rows = rows.where(_l.attempt >= attempt, or_(_l.attempt > attempt, _l.line > line))
    async with engine.connect() as connection:
        found = await connection.execute(rows.order_by(_l.attempt, _l.line).limit(limit))
        return [LogLine(*row) for row in found]


def _matching(viewer: Principal, wanted: JobFilter) -> ColumnElement[bool]:
    conditions = [_visible_to(viewer)]
    if wanted.statuses:
        conditions.append(_c.status.in_(sorted(wanted.statuses)))
    for column, names in (
        (_c.task_type, wanted.task_types),
        (_c.queue, wanted.queues),
        (_c.execution_unit_id, wanted.units),
        (_c.failure_group, wanted.groups),
    ):
        if names:
            conditions.append(or_(*(_is_called(column, name) for name in names)))
    conditions += [is_listed(tag, _c.tags) for tag in wanted.tags]
    for text_column, texts in ((_c.error_message, wanted.errors), (_c.name, wanted.words)):
        conditions += [text_column.icontains(text, autoescape=True) for text in texts]
    if wanted.created_after is not None:
        conditions.append(_c.created_at >= wanted.created_after)
    if wanted.created_before is not None:
        conditions.append(_c.created_at < wanted.created_before)
    return and_(True, *conditions)


def _is_called(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    if not isinstance(name, Beginning):
        return column == name
    # by its bounds: an index helps, and no wildcard is in it
    return and_(column >= str(name), column < name + _LAST)


def _visible_to(viewer: Principal) -> ColumnElement[bool]:
    return in_departments_of(viewer, _c.department_id)
