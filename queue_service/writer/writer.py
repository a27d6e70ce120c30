"""Brings a batch into the database: commit, or roll back and replay, or split until only the poison is left.

    passing error      ROLLBACK, wait 100, 200, 400 ms (jittered), replay the whole batch
    row held by another, duplicate key
                       ROLLBACK, replay once, then split
    permanent error    ROLLBACK, split at once
    still failing      split in halves; a command alone gets 503 (passing) or 500 (permanent)

So one poison command costs its neighbours a few tries and never their outcome. A COMMIT whose answer was lost is
replayed like the rest: the stored answers tell the replay what happened.
"""

from collections.abc import Sequence
from typing import Final

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential_jitter

from queue_service.domain.workingset import IdSource
from queue_service.metrics import WriterMetrics
from queue_service.store import outbox
from queue_service.store.faults import DatabaseFault, Fault
from queue_service.store.session import Session, Transaction
from queue_service.writer.batch import LostGuard, apply_batch
from queue_service.writer.eventlog import EventLog, Reservation
from queue_service.writer.fence import Deposed, Fence
from queue_service.writer.pending import Pending
from shared.clock import Clock
from shared.errors import ConsoleError, DatabaseUnavailable, Internal, OutcomeUnknown

FIRST_BACKOFF_S: Final = 0.1
LONGEST_BACKOFF_S: Final = 5.0
_ROW_BOUND: Final = {Fault.ROW_LOCKED, Fault.DUPLICATE}

log = structlog.get_logger(__name__)


class BatchWriter:
    """Commits batches for every lane. Holds no rows; each try starts from the database."""

    def __init__(
        self, *, fence: Fence, ids: IdSource, events: EventLog, metrics: WriterMetrics, max_retries: int, clock: Clock
    ) -> None:
        self._fence = fence
        self._ids = ids
        self._events = events
        self._metrics = metrics
        self._max_retries = max_retries
        self._clock = clock
        self._doubtful: dict[Session, list[Reservation]] = {}

    async def write(self, session: Session, batch: Sequence[Pending]) -> None:
        """See a batch to its end: every command of it is resolved when this returns.

        Raises Deposed, with nothing resolved, when another process leads: the caller must exit.
        """
        await self._write(session, batch, self._max_retries)

    async def _write(self, session: Session, batch: Sequence[Pending], retries: int) -> None:
        try:
            await self._try_with_retries(session, batch, retries)
        except Deposed:
            raise
        except Exception as error:
            # a mistake of ours in one command's rules is poison like any other: the neighbours live
            if len(batch) == 1:
                self._give_up(batch[0], error)
            elif isinstance(error, DatabaseFault) and error.kind is Fault.LOST:
                # no database, no poison: splitting would only keep the callers waiting
                for pending in batch:
                    self._give_up(pending, error)
            else:
                self._metrics.splits.inc()
                middle = len(batch) // 2
                await self._write(session, batch[:middle], 0)
                await self._write(session, batch[middle:], 0)

    async def _try_with_retries(self, session: Session, batch: Sequence[Pending], retries: int) -> None:
        def has_had_enough(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            row_bound = isinstance(error, DatabaseFault) and error.kind in _ROW_BOUND
            return state.attempt_number > (min(1, retries) if row_bound and len(batch) > 1 else retries)

        async for attempt in AsyncRetrying(
            retry=retry_if_exception(_is_worth_a_replay),
            stop=has_had_enough,
            wait=wait_exponential_jitter(multiplier=FIRST_BACKOFF_S, max=LONGEST_BACKOFF_S, jitter=FIRST_BACKOFF_S / 2),
            sleep=self._clock.sleep,
            before_sleep=lambda state: self._note_replay(batch, state),
            reraise=True,
        ):
            with attempt:
                await self._try(session, batch)

    async def _try(self, session: Session, batch: Sequence[Pending]) -> None:
        """One transaction. The callers are answered only after it: acknowledged means committed."""
        started = self._clock.monotonic()
        reservations: list[Reservation] = []

        def reserve(bodies: Sequence[str]) -> Reservation:
            reservations.append(self._events.reserve(bodies))
            return reservations[-1]

        try:
            async with session.transaction() as tx:
                doubts = await self._look_up_doubts(tx, session)
                applied = await apply_batch(
                    tx,
                    [pending.command for pending in batch],
                    fence=self._fence,
                    ids=self._ids,
                    reserve=reserve,
                    now=self._clock.now(),
                )
        except DatabaseFault as fault:
            self._metrics.faults.labels(kind=fault.kind).inc()
            for pending in batch:
                pending.may_have_happened |= fault.commit_was_sent
            self._put_off_or_settle(session, reservations, in_doubt=fault.commit_was_sent)
            raise
        except BaseException:
            self._put_off_or_settle(session, reservations, in_doubt=False)
            raise
        self._settle_doubts(session, doubts)
        self._events.settle(applied.reservation, happened=True)
        self._metrics.observe_commit(len(batch), self._clock.monotonic() - started)
        for pending, result in zip(batch, applied.results, strict=True):
            pending.resolve(result)

    def _put_off_or_settle(self, session: Session, reservations: Sequence[Reservation], *, in_doubt: bool) -> None:
        for reservation in reservations:
            if in_doubt and reservation.events:
                self._doubtful.setdefault(session, []).append(reservation)
            else:
                self._events.settle(reservation, happened=False)

    async def _look_up_doubts(self, tx: Transaction, session: Session) -> list[tuple[Reservation, bool]]:
        """Whether the events of lost COMMITs are in the outbox after all."""
        waiting = self._doubtful.get(session, [])
        return [(doubt, await outbox.holds(tx, doubt.events[0][0])) for doubt in waiting]

    def _settle_doubts(self, session: Session, doubts: Sequence[tuple[Reservation, bool]]) -> None:
        for reservation, happened in doubts:
            self._events.settle(reservation, happened=happened)
        self._doubtful.pop(session, None)

    def _note_replay(self, batch: Sequence[Pending], state: RetryCallState) -> None:
        self._metrics.replays.inc()
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
        elif _is_worth_a_replay(error):
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


def _is_worth_a_replay(error: BaseException) -> bool:
    return isinstance(error, LostGuard) or (isinstance(error, DatabaseFault) and error.kind is not Fault.PERMANENT)
