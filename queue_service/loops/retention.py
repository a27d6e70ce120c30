"""Forget jobs that finished long enough ago, and what belongs to them: a completed one after an hour, unless it is
among the newest hundred; a failed one after a day (seed 002); one that says how long after that. In small chunks, so
that a batch never waits long for it.
"""

from typing import Final

from queue_service.loops.prune import SteadyTime
from queue_service.loops.runner import Loop
from queue_service.store import jobs
from queue_service.store.session import Session
from queue_service.writer.fence import Fence

NEWEST_KEPT: Final = 100
PERIOD_S: Final = 60.0
_CHUNK: Final = 500
_BREATH_S: Final = 0.05


def retention_loop(session: Session, fence: Fence, time: SteadyTime) -> Loop:
    """One chunk a run; again at once while there may be more, else after a minute."""

    async def run_once() -> float:
        async with session.lock, session.transaction() as tx:
            await fence.check(tx)
            forgotten = await jobs.prune(tx, now=time.now(), newest_kept=NEWEST_KEPT, limit=_CHUNK)
        return _BREATH_S if forgotten else PERIOD_S

    return Loop("retention", PERIOD_S, run_once)
