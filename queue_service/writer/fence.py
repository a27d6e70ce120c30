"""Leadership: this process may write while its epoch is the database's, and not one commit longer."""

import asyncio
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_fixed

from queue_service.store import leader
from queue_service.store.faults import DatabaseFault, Fault
from queue_service.store.session import STATEMENT_DEADLINE_S, Session, Transaction
from queue_service.store.statement import Statement
from shared.clock import Clock

BEAT_S: Final = 1.5
LEASE_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.25

log = structlog.get_logger(__name__)


class Deposed(Exception):
    """Another process holds a newer epoch. There is nothing to save: leave at once."""


class AnotherLeader(Exception):
    """A live queue service leads this database already."""


class Fence:
    """The epoch this process leads in. `check` goes into every transaction that writes."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    async def check(self, tx: Transaction) -> None:
        """Compare the epoch inside the caller's transaction, under a lock that a takeover must wait for.

        Raises Deposed. Checked outside, a takeover could commit between the check and our commit.
        """
        self.require(await self.ask(tx))

    def ask(self, tx: Transaction) -> Statement[int]:
        """The question of `check`, to travel with others; `require` wants its result."""
        return leader.epoch(tx)

    def require(self, epoch: int) -> None:
        """Raises Deposed unless it is ours."""
        if epoch != self.epoch:
            raise Deposed


async def take_leadership(engine: AsyncEngine, *, holder: str, address: str, clock: Clock) -> Fence:
    """Raise the epoch and end the last leader's database sessions.

    A leader at another address whose beat moves within the lease is alive and respected: AnotherLeader. Whether it
    moves is watched, not computed: no two clocks are compared. One at our own address is dead, for we hold its port,
    and one that gave the lead back has said so; neither is waited for. On SQLite the file lock has decided before.
    """
    session = Session(engine)
    try:
        await session.open()
        async with session.transaction() as tx:
            last = await leader.look(tx)
        if last.address != address and last.beat_at != leader.GIVEN_BACK:
            await _watch(session, last, clock)
        async with asyncio.timeout(STATEMENT_DEADLINE_S), engine.connect() as connection:
            await leader.end_old_sessions(connection)
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(_is_lock_of_an_ending_session),
            stop=stop_after_attempt(5),
            wait=wait_fixed(0.1),
            sleep=clock.sleep,
            reraise=True,
        ):
            with attempt:
                async with session.transaction() as tx:
                    epoch = await leader.take(tx, holder=holder, address=address, now=clock.now())
        return Fence(epoch)
    finally:
        await session.close()


async def _watch(session: Session, last: leader.Leader, clock: Clock) -> None:
    """Return when the leader's beat has stood still for a lease. Raises AnotherLeader when it moves."""
    log.info("waiting_for_the_lease", leader=last.address, seconds=LEASE_S)
    until = clock.monotonic() + LEASE_S
    while clock.monotonic() < until:
        await clock.sleep(_LOOK_EVERY_S)
        async with session.transaction() as tx:
            seen = await leader.look(tx)
        if (seen.epoch, seen.beat_at) != (last.epoch, last.beat_at) and seen.beat_at != leader.GIVEN_BACK:
            raise AnotherLeader(
                f"{seen.holder} at {seen.address} leads this database. "
                "Stop it first: one queue service writes at a time"
            )


def _is_lock_of_an_ending_session(error: BaseException) -> bool:
    return isinstance(error, DatabaseFault) and error.kind in (Fault.ROW_LOCKED, Fault.PASSING)
