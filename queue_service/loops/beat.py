"""Tell the database that this leader lives, so that a starter elsewhere keeps its hands off."""

from queue_service.loops.runner import Loop
from queue_service.store import leader
from queue_service.store.session import Session
from queue_service.writer.fence import BEAT_S, Deposed, Fence
from shared.clock import Clock


def beat_loop(session: Session, fence: Fence, clock: Clock) -> Loop:
    """Renew the beat every BEAT_S. Raises Deposed when another epoch holds it."""

    async def run_once() -> float:
        async with session.lock, session.transaction() as tx:
            if not await leader.beat(tx, epoch=fence.epoch, at=clock.now()):
                raise Deposed
        return BEAT_S

    return Loop("beat", BEAT_S, run_once)
