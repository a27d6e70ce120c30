"""What is kept of queues beyond their own rows: when jobs of those began that have a limit on that."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select, tuple_

from queue_service.store.session import Transaction
from queue_service.store.statement import Statement, the_count
from queue_service.store.versioned import bound, insert_head, insert_parts
from shared.db.tables import queue, queue_start
from shared.queues import Queue

_COLUMNS: Final = ("queue_id", "at", "jobs")
_c = queue_start.c


async def read_all(tx: Transaction) -> list[Queue]:
    """Every queue that somebody set up."""
    rows: Sequence[Any] = (await tx.execute(select(queue))).all()
    return [Queue(*row) for row in rows]


async def starts(tx: Transaction, queues: Sequence[Queue], now: datetime) -> list[tuple[int, datetime, int]]:
    """Which queue, when, and how many: what the limits of these count, and no more than they allow."""
    found: list[tuple[int, datetime, int]] = []
    for each in queues:
        if each.starts is not None:
            since = now - timedelta(milliseconds=each.starts_per_ms or 0)
            newest = select(_c.queue_id, _c.at, _c.jobs).where(_c.queue_id == each.id, _c.at > since)
            rows: Sequence[Any] = (await tx.execute(newest.order_by(_c.at.desc()).limit(each.starts))).all()
            found += [tuple(row) for row in rows]
    return found


def add_starts(tx: Transaction, jobs_of: Mapping[int, int], at: datetime) -> Statement[int]:
    """So many jobs of these queues begin now."""
    moment = bound(tx.dialect, queue_start, "at", at)
    rows = [(queue_id, moment, jobs) for queue_id, jobs in sorted(jobs_of.items())]
    parts = insert_parts(tx.dialect, insert_head(tx.dialect, queue_start, _COLUMNS), rows)
    end = tx.dialect.adding_to(_c.jobs)
    return Statement(tx, [(text + end, values) for text, values in parts], the_count)


async def prune_starts(tx: Transaction, *, older_than: datetime, limit: int) -> int:
    """Forget at most `limit` rows that no limit asks for any more; how many were forgotten."""
    key = (_c.queue_id, _c.at)
    doomed = [tuple(row) for row in await tx.execute(select(*key).where(_c.at < older_than).limit(limit))]
    if doomed:
        await tx.execute(delete(queue_start).where(tuple_(*key).in_(doomed)))
    return len(doomed)
