"""Seal the audit log: chain what was committed, in the order of its ids, a second behind the writer."""

from typing import Final

import structlog

from queue_service.loops.runner import Loop
from queue_service.store import audit
from queue_service.store.session import Session
from queue_service.writer.eventlog import EventLog
from queue_service.writer.fence import Fence
from shared.audit import Seal, sealed

PERIOD_S: Final = 1.0
_CHUNK: Final = 500
_BREATH_S: Final = 0.05

log = structlog.get_logger(__name__)


def seal_loop(session: Session, fence: Fence, events: EventLog) -> Loop:
    """One chunk a run; again at once while there is more. Looks only when there is something new: an idle daemon asks
    the database nothing.

    It never passes an entry of a batch that is still open: that one would be added behind its back. The newest seal is
    logged: whoever keeps the log files elsewhere can tell that the whole chain was made anew.
    """
    newest: Seal | None = None
    looked_up_to = 0

    async def run_once() -> float:
        nonlocal newest, looked_up_to
        below = events.audit_horizon
        if newest is not None and looked_up_to >= below - 1:
            return PERIOD_S
        last, newest = newest, None  # should this fail, nobody knows whether it was committed: ask again
        async with session.lock, session.transaction() as tx:
            await fence.check(tx)
            if last is None:
                last = await audit.last_seal(tx)
                looked_up_to = last.entry_id
            entries = await audit.between(tx, looked_up_to, below, _CHUNK)
            seals = list(sealed(entries, last.seal))
            if seals:
                await audit.seal(tx, seals)
        newest = seals[-1] if seals else last
        is_more = len(entries) == _CHUNK
        looked_up_to = newest.entry_id if is_more else below - 1
        if seals:
            log.info("audit_sealed", entries=len(seals), entry_id=newest.entry_id, seal=newest.seal)
        return _BREATH_S if is_more else PERIOD_S

    return Loop("seal", PERIOD_S, run_once)
