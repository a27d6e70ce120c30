"""Brings a batch into the database: commit, or roll back and replay, or split until only the poison is left.

    no database, or one that takes no writes
                       drop the connection, wait 100, 200, 400 ms (jittered), replay; then 503 for all
    passing error      ROLLBACK, wait and replay likewise; then split
    row held by another session
                       ROLLBACK, set those that need it aside with 503, and write the rest
    duplicate key      ROLLBACK, replay once (an earlier COMMIT of ours may have made it), then split
    permanent error    ROLLBACK, split at once

What fails before the commands' own rows are touched (the epoch, the stored answers) concerns the whole batch and is
never split. A command that fails alone gets 503, or 500 for a permanent error that is about its rows. A COMMIT whose
answer was lost is replayed like the rest: the stored answers tell the replay what happened.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import structlog
from tenacity import AsyncRetrying, RetryCallState, wait_exponential_jitter
from tenacity.asyncio.retry import retry_if_exception

from queue_service.domain.command import Command
from queue_service.domain.workingset import Change, IdSource
from queue_service.metrics import WriterMetrics
from queue_service.store.aggregates import TASKS
from queue_service.store.faults import DatabaseFault, Fault
from queue_service.store.session import Session
from queue_service.writer.batch import apply_batch
from queue_service.writer.doubt import Doubts
from queue_service.writer.eventlog import EventLog, Reservation
from queue_service.writer.fence import Deposed, Fence
from queue_service.writer.pending import Pending
from queue_service.writer.rows import LostGuard, needs_of
from shared.clock import Clock
from shared.errors import ConsoleError, DatabaseUnavailable, Internal, OutcomeUnknown
from shared.jobs import Job

FIRST_BACKOFF_S: Final = 0.1
LONGEST_BACKOFF_S: Final = 5.0
_NO_DATABASE: Final = {Fault.LOST, Fault.DEMOTED}

log = structlog.get_logger(__name__)


class Follower(Protocol):
    """Who keeps an index over what is committed, and hears of it before anybody is answered."""

    def known(self, commands: Iterable[Command]) -> Mapping[int, Job]:
        """Rows of jobs that need not be read for commands that will change them: the guard of their versions says
        whether they are still so."""

    def committed(self, changes: Iterable[Change]) -> None: ...

    def doubted(self) -> None:
        """A COMMIT was sent and not answered."""


class BatchWriter:
    """Commits batches for every lane. Holds no rows; each try starts from the database."""

    def __init__(
        self,
        *,
        fence: Fence,
        ids: IdSource,
        events: EventLog,
        doubts: Doubts,
        metrics: WriterMetrics,
        max_retries: int,
        clock: Clock,
        follower: Follower,
    ) -> None:
        self._follower = follower
        self._fence = fence
        self._ids = ids
        self._events = events
        self._doubts = doubts
        self._metrics = metrics
        self._max_retries = max_retries
        self._clock = clock

    async def write(self, session: Session, batch: Sequence[Pending]) -> bool:
        """See a batch to its end: every command of it is resolved when this returns. False: there is no database.

        Raises Deposed, with nothing resolved, when another process leads: the caller must exit.
        """
        return await self._write(session, batch, self._max_retries)

    async def _write(self, session: Session, batch: Sequence[Pending], retries: int) -> bool:
        try:
            await self._try_with_retries(session, batch, retries)
        except Deposed:
            raise
        except Exception as error:
            # a mistake of ours in one command's rules is poison like any other: the neighbours live
            if len(batch) == 1 or not _is_about_some_of_them(error):
                for pending in batch:
                    self._give_up(pending, error)
                return not (isinstance(error, DatabaseFault) and error.kind in _NO_DATABASE)
            return await self._write_apart(session, batch, error)
        return True

    async def _write_apart(self, session: Session, batch: Sequence[Pending], error: Exception) -> bool:
        """Write a batch that failed as a whole in parts, so that what is wrong with some does not touch the others."""
        self._metrics.note_split()
        if isinstance(error, DatabaseFault) and error.kind is Fault.ROW_LOCKED:
            held = await self._held_by_others(session, batch)
            if held:
                for pending in held:
                    self._give_up(pending, error)
                rest = [pending for pending in batch if pending not in held]
                return await self._write(session, rest, self._max_retries) if rest else True
        middle = len(batch) // 2
        first = await self._write(session, batch[:middle], 0)
        return await self._write(session, batch[middle:], 0) and first

    async def _held_by_others(self, session: Session, batch: Sequence[Pending]) -> list[Pending]:
        """The commands whose rows another session holds right now. A hint: nothing is decided by it but who waits."""
        wanted = {p: needs_of(p.command).task_ids for p in batch}
        try:
            async with session.transaction() as tx:
                held = await TASKS.held_by_others(tx, frozenset().union(*wanted.values()))
        except DatabaseFault:
            return []
        return [pending for pending, ids in wanted.items() if ids & held]

    async def _try_with_retries(self, session: Session, batch: Sequence[Pending], retries: int) -> None:
        async def is_worth_another(error: BaseException) -> bool:
            if isinstance(error, DatabaseFault) and error.kind is Fault.ROW_LOCKED and error.concerns_rows:
                # the lane has waited once for a row that is held: nobody else is to wait with it
                return len(batch) == 1 and not await self._held_by_others(session, batch)
            return _is_worth_a_replay(error)

        def has_had_enough(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            is_expected_once = isinstance(error, DatabaseFault) and error.kind is Fault.DUPLICATE and len(batch) > 1
            return state.attempt_number > (min(retries, 1) if is_expected_once else retries)

        async for attempt in AsyncRetrying(
            retry=retry_if_exception(is_worth_another),
            stop=has_had_enough,
            wait=wait_exponential_jitter(multiplier=FIRST_BACKOFF_S, max=LONGEST_BACKOFF_S, jitter=FIRST_BACKOFF_S / 2),
            sleep=self._clock.sleep,
            before_sleep=lambda state: self._note_replay(batch, state),
            reraise=True,
        ):
            with attempt:
                # what was wrong about a row is not to be trusted twice
                is_trusting = attempt.retry_state.attempt_number == 1 and retries > 0
                await self._try(session, batch, is_trusting=is_trusting)

    async def _try(self, session: Session, batch: Sequence[Pending], *, is_trusting: bool) -> None:
        """One transaction. The callers are answered only after it: acknowledged means committed. `is_trusting`: rows
        that are known need not be read."""
        started = self._clock.monotonic()
        reservations: list[Reservation] = []
        commands = [pending.command for pending in batch]

        def reserve(bodies: Sequence[str], audits: int) -> Reservation:
            reservations.append(self._events.reserve(bodies, audits))
            return reservations[-1]

        try:
            async with session.transaction() as tx:
                applied = await apply_batch(
                    tx,
                    commands,
                    known=self._follower.known(commands) if is_trusting else {},
                    fence=self._fence,
                    ids=self._ids,
                    reserve=reserve,
                    now=self._clock.now(),
                )
        except DatabaseFault as fault:
            self._metrics.faults.labels(kind=fault.kind).inc()
            for pending in batch:
                pending.may_have_happened |= fault.in_doubt
            self._doubts.settle_or_put_off(reservations, in_doubt=fault.in_doubt)
            if fault.in_doubt:
                self._follower.doubted()
            raise
        except BaseException:
            self._doubts.settle_or_put_off(reservations, in_doubt=False)
            raise
        for reservation in reservations:
            self._events.settle(reservation, happened=True)
        self._metrics.observe_commit(len(batch), self._clock.monotonic() - started)
        self._follower.committed(applied.changes)
        for pending, result in zip(batch, applied.results, strict=True):
            pending.resolve(result)

    def _note_replay(self, batch: Sequence[Pending], state: RetryCallState) -> None:
        self._metrics.note_replay()
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "batch_replayed",
            attempt=state.attempt_number,
            error=str(error),
            request_ids=[pending.command.request_id for pending in batch],
        )

    def _give_up(self, pending: Pending, error: Exception) -> None:
        """The one place where a command ends without having been applied for sure."""
        answer: ConsoleError
        if pending.may_have_happened:
            answer = OutcomeUnknown()
        elif _may_pass(error):
            answer = DatabaseUnavailable()
        else:
            answer = Internal()
        log.error(
            "command_failed",
            type=pending.command.type,
            request_id=pending.command.request_id,
            outcome=answer.outcome,
            error=str(error),
            exc_info=None if isinstance(error, DatabaseFault | LostGuard) else error,
        )
        pending.resolve(answer)


def _may_pass(error: BaseException) -> bool:
    """Whether it says nothing about the command itself: another day it may be applied."""
    return _is_worth_a_replay(error) or (isinstance(error, DatabaseFault) and not error.concerns_rows)


def _is_worth_a_replay(error: BaseException) -> bool:
    return isinstance(error, LostGuard) or (isinstance(error, DatabaseFault) and error.kind is not Fault.PERMANENT)


def _is_about_some_of_them(error: Exception) -> bool:
    """Whether a part of the batch may succeed where the whole did not."""
    if not isinstance(error, DatabaseFault):
        return True
    return error.concerns_rows and error.kind not in _NO_DATABASE and not error.in_doubt
