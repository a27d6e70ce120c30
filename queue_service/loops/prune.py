"""Forget what has served its time: stored answers and the stored commands they answer after 24 hours, events beyond the
kept ones, sign-ins that expired, failures that are held against nobody any more, starts of jobs that no limit counts.
In small chunks, so that a batch never waits long for it."""

from datetime import datetime, timedelta
from typing import Final

from queue_service.loops.runner import Loop
from queue_service.store import answers, operations, outbox, people, queues
from queue_service.store.session import Session
from queue_service.writer.fence import Fence
from shared.clock import Clock
from shared.events import KEPT
from shared.queue_commands import LONGEST_PERIOD
from shared.throttling import FORGOTTEN_AFTER

ANSWERS_LIVE: Final = timedelta(hours=24)
PERIOD_S: Final = 60.0
_CHUNK: Final = 500
_BREATH_S: Final = 0.05


class SteadyTime:
    """The wall clock, but never further on than the time that passed since something known.

    A clock that jumps ahead by a day would make a day of stored answers look old, and a client that asks again would
    write twice. So time starts at the newest answer there is and runs with the monotonic clock; it may lag (an
    installation that was off keeps its answers longer), it never leads.
    """

    def __init__(self, clock: Clock, known: datetime | None) -> None:
        self._clock = clock
        self._known = known or clock.now()
        self._known_at = clock.monotonic()

    def now(self) -> datetime:
        passed = timedelta(seconds=self._clock.monotonic() - self._known_at)
        return min(self._clock.now(), self._known + passed)


def prune_loop(session: Session, fence: Fence, time: SteadyTime) -> Loop:
    """One chunk of each kind a run; again at once while there is more, else after a minute."""

    async def run_once() -> float:
        async with session.lock, session.transaction() as tx:
            await fence.check(tx)
            forgotten = await answers.prune(tx, older_than=time.now() - ANSWERS_LIVE, limit=_CHUNK)
            done = await operations.prune(tx, older_than=time.now() - ANSWERS_LIVE, limit=_CHUNK)
            dropped = await outbox.prune(tx, keep=KEPT, limit=_CHUNK)
            expired = await people.prune_sessions(tx, expired_before=time.now(), limit=_CHUNK)
            begun = await queues.prune_starts(tx, older_than=time.now() - LONGEST_PERIOD, limit=_CHUNK)
            forgiven = await people.prune_throttles(tx, older_than=time.now() - FORGOTTEN_AFTER, limit=_CHUNK)
        return _BREATH_S if max(forgotten, done, dropped, expired, begun, forgiven) == _CHUNK else PERIOD_S

    return Loop("prune", PERIOD_S, run_once)
