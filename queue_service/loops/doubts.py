"""Settle the events of lost COMMITs within a second of the database being back."""

from typing import Final

from queue_service.loops.runner import Loop
from queue_service.store.session import Session
from queue_service.writer.doubt import Doubts

PERIOD_S: Final = 1.0


def doubts_loop(session: Session, doubts: Doubts) -> Loop:
    """Looks only when there is something in doubt: an idle daemon asks the database nothing."""

    async def run_once() -> float:
        await doubts.look_up(session)
        return PERIOD_S

    return Loop("doubts", PERIOD_S, run_once)
