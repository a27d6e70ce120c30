"""Units and the queue service die while a queue is limited: never do more of its jobs run at once, or begin in any
span, than the limits say. Real processes, both databases."""

import asyncio
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.acceptance.test_job_crashes import submit_all
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.workers import Worker, a_key, workers

AT_ONCE = 7
STARTS, SPAN = 20, timedelta(seconds=1)
JOBS = 200


async def disturb(cluster: Cluster, started: list[Worker]) -> None:
    """Kill units and the queue service in turn, each by kill -9, and start them again."""
    chance = random.Random(11)
    for number in range(8):
        await asyncio.sleep(chance.uniform(0.3, 1.0))
        if number % 4 == 3:
            await cluster.queue.kill()
            cluster.queue.start()
            await cluster.queue.ready()
        else:
            worker = chance.choice(started)
            worker.kill()
            worker.start()


async def test_no_limit_is_passed_whoever_dies(cluster: Cluster, database: Database, tmp_path: Path) -> None:
    key, token = await a_key(cluster)
    admin = Api(cluster.client(0, token))
    limits = {"concurrency": AT_ONCE, "starts": {"most": STARTS, "perMs": SPAN // timedelta(milliseconds=1)}}
    assert (await admin.put("/api/v1/queues/default", limits)).status == 200
    with workers(cluster, key, tmp_path, 3, work_s=0.05) as started:
        await submit_all(cluster, key, JOBS)
        await disturb(cluster, started)
        ends = "SELECT COUNT(*) FROM job WHERE status = 'COMPLETED'"
        await eventually(lambda: database.rows(ends) == [(JOBS,)], within_s=120, every_s=0.5, what="every job's end")
    intervals = attempts(database)
    assert len(intervals) >= JOBS
    assert most_at_once(intervals) == AT_ONCE  # no more, and not for want of trying
    begun = sorted(start for start, _ in intervals)
    assert all(later - sooner >= SPAN for sooner, later in zip(begun, begun[STARTS:], strict=False))


def attempts(database: Database) -> list[tuple[datetime, datetime]]:
    """When each attempt began and ended: of the one that completed a job its row says so."""
    rows = database.rows("SELECT started_at, ended_at FROM job_attempt")
    rows += database.rows("SELECT started_at, completed_at FROM job WHERE status = 'COMPLETED'")
    return [(instant(start), instant(end)) for start, end in rows]


def instant(given: Any) -> datetime:
    return given if isinstance(given, datetime) else datetime.fromisoformat(given)


def most_at_once(intervals: list[tuple[datetime, datetime]]) -> int:
    """Of intervals that touch, the one has ended before the other begins."""
    steps = sorted([(end, -1) for _, end in intervals] + [(start, 1) for start, _ in intervals])
    running = most = 0
    for _, step in steps:
        running += step
        most = max(most, running)
    return most
