"""Forget what has served its time: stored answers after 24 hours, events beyond the kept ones. In small chunks, so
that a batch never waits long for it."""

from datetime import timedelta
from typing import Final

from queue_service.loops.runner import Loop
from queue_service.store import answers, outbox
from queue_service.store.session import Session
from queue_service.writer.eventlog import KEPT
from queue_service.writer.fence import Fence
from shared.clock import Clock

ANSWERS_LIVE: Final = timedelta(hours=24)
PERIOD_S: Final = 60.0
_CHUNK: Final = 500
_BREATH_S: Final = 0.05


def prune_loop(session: Session, fence: Fence, clock: Clock) -> Loop:
    """One chunk of each kind a run; again at once while there is more, else after a minute."""

    async def run_once() -> float:
        async with session.lock, session.transaction() as tx:
            await fence.check(tx)
            forgotten = await answers.prune(tx, older_than=clock.now() - ANSWERS_LIVE, limit=_CHUNK)
            dropped = await outbox.prune(tx, keep=KEPT, limit=_CHUNK)
        return _BREATH_S if max(forgotten, dropped) == _CHUNK else PERIOD_S

    return Loop("prune", PERIOD_S, run_once)
