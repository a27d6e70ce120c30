"""Commands that are answered once they are stored, and applied afterwards (`Prefer: respond-async`, DESIGN 3.7).

A deferred command goes through its lane twice, in batches like all others: the first one stores it, and its caller
gets 202; the second one applies it, or refuses it, and its outcome is stored with whatever it changed. In between it
stays in the intake, so it counts against the limits, and whoever sends the same key meanwhile joins it.

    store     the COMMIT's answer was lost: the caller is told that the outcome is unknown, and it is tried again until
              it is known to be stored; any other failure: it is refused, as a plain command would be
    apply     the database fails, in whatever way: tried again, ever more slowly, until it does not; the stored answer
              makes sure that it happens once
    give_up   applying it breaks something of ours, or the database will never take its values: it ends as an internal
              error, which is stored like a refusal

What is stored and not applied when the process ends is taken up by the next leader before it takes anything else.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self

import structlog

from queue_service.commands import KINDS
from queue_service.domain.command import Answer, Command, Deferral, Result, Stage
from queue_service.store import operations
from queue_service.store.answers import StoredAnswer
from queue_service.store.operations import StoredCommand
from queue_service.store.session import Transaction
from queue_service.writer.pending import Pending
from shared.commands import validated
from shared.errors import ConsoleError, IdempotencyMismatch, Internal, OutcomeUnknown, Unavailable
from shared.jsonio import loads
from shared.wire import DeferredRequest, error_to_wire

RETRY_S: Final = 1.0
"""Between the first two tries of a command that is stored, or may be; then twice as long each time."""

LONGEST_RETRY_S: Final = 10.0

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Deferred(Pending):
    """One deferred command under way: `future` is its outcome, `stored` the answer that it is stored.

    `again` puts it into its lane once more; `is_open` says whether the intake is.
    """

    again: Callable[["Deferred"], None] = field(kw_only=True)
    is_open: Callable[[], bool] = field(kw_only=True)
    stored: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    tries: int = 0

    def resolve(self, result: Result) -> None:
        """Take a result of the stage it is in: on to the next one, once more, or the end."""
        if self._stage == "store":
            self._note_stored(result)
        elif isinstance(result, Unavailable) and self.is_open():
            self.may_have_happened = False  # if it has, the next try finds its answer
            self._try_later()
        elif isinstance(result, Internal) and self._stage == "apply":
            self._go_on("give_up")
        else:
            # it stays in its table for the next leader: whoever joined it must not take it for not applied
            self._end(OutcomeUnknown() if isinstance(result, Unavailable) else result)

    def _note_stored(self, result: Result) -> None:
        if self.may_have_happened and isinstance(result, Unavailable):
            result = OutcomeUnknown()  # the database went away while it waited to be looked for
        _settle(self.stored, result)
        if isinstance(result, Answer) and result.status == 202:
            self._go_on("apply")
        elif isinstance(result, ConsoleError) and result.outcome == "unknown" and self.is_open():
            # whoever asks again meanwhile waits for the next try
            self.stored = asyncio.get_running_loop().create_future()
            self._try_later()
        else:
            self._end(result)

    @property
    def _stage(self) -> Stage | None:
        return self.command.deferral.stage if self.command.deferral is not None else None

    def _try_later(self) -> None:
        pause_s = min(RETRY_S * 2**self.tries, LONGEST_RETRY_S)
        self.tries = min(self.tries + 1, 16)
        asyncio.get_running_loop().call_later(pause_s, self.again, self)

    def _go_on(self, stage: Stage) -> None:
        if self.command.deferral is not None:
            self.command = replace(self.command, deferral=replace(self.command.deferral, stage=stage))
        self.may_have_happened = False
        self.tries = 0
        self.again(self)

    def _end(self, result: Result) -> None:
        # not super(): a dataclass with slots is made anew, and the implicit one points at the class before
        Pending.resolve(self, result)


class Deferrals:
    """The deferred commands of one batch: what they find and what they leave. A batch without any asks nothing."""

    def __init__(self, commands: Sequence[Command], known: Mapping[str, StoredCommand]) -> None:
        self._commands = commands
        self._known = known
        self._new: list[Command] = []

    @classmethod
    async def of(cls, tx: Transaction, commands: Sequence[Command]) -> Self:
        """Look up those that ask to be stored: an earlier try may have stored them."""
        deferred = [command for command in commands if command.deferral is not None]
        asking = [command.operation_id for command in deferred if command.is_at("store")]
        return cls(deferred, await operations.find(tx, asking) if asking else {})

    def awaits(self, command: Command, stored: Mapping[str, StoredAnswer]) -> bool:
        """Whether an earlier try stored this very request, and it has no outcome yet."""
        known = self._known.get(command.operation_id)
        is_it = known is not None and known.fingerprint == command.fingerprint
        return is_it and command.is_at("store") and command.operation_id not in stored

    def puts_off(self, command: Command, stored: Mapping[str, StoredAnswer]) -> bool:
        """Whether this batch does not apply the command: it stores it, has it stored already, or gives it up.

        One whose key was used undeferred before has its answer, and is not stored."""
        is_known = command.operation_id in self._known
        return not command.is_at("apply") and (is_known or command.operation_id not in stored)

    def put_off(self, command: Command, deferral: Deferral) -> Answer:
        """The answer to a command that is not applied by this batch: 202 once the batch is committed.

        Raises IdempotencyMismatch when another request is stored under its key, Internal when it is given up.
        """
        if deferral.stage == "give_up":
            raise Internal
        known = self._known.get(command.operation_id)
        if known is None:
            self._new.append(command)
            return _accepted(deferral.public_id, is_replayed=False)
        if known.fingerprint != command.fingerprint:
            raise IdempotencyMismatch
        return _accepted(known.public_id, is_replayed=True)

    def refused(
        self, results: Mapping[str, Result], stored: Mapping[str, StoredAnswer]
    ) -> list[tuple[Command, Answer]]:
        """The refusals that are outcomes, as answers to store: nobody waits for them, and they are asked for later.

        `results` and `stored` are by operation id.
        """
        ending = [c for c in self._commands if not c.is_at("store") and c.operation_id not in stored]
        ends = [(command, results[command.operation_id]) for command in ending]
        return [(c, Answer(end.status, error_to_wire(end))) for c, end in ends if isinstance(end, ConsoleError)]

    async def write(self, tx: Transaction, now: datetime) -> None:
        """Store the new ones, end the ones that have their answer."""
        if self._new:
            await operations.store(tx, self._new, now)
        ended = [command.operation_id for command in self._commands if not command.is_at("store")]
        if ended:
            await operations.end(tx, ended, now)

    def __bool__(self) -> bool:
        return bool(self._commands)


def restored(row: StoredCommand) -> Command | None:
    """A command that waits in the table, to be applied. None for one that this program does not understand (a newer
    one stored it): it goes on waiting."""
    try:
        request = validated(DeferredRequest, loads(row.request))
        data = validated(KINDS[request.type].data, request.data)
    except (ConsoleError, KeyError, ValueError) as error:
        log.error("stored_command_not_understood", operation=row.public_id, error=str(error))
        return None
    return Command(
        type=request.type,
        data=data,
        actor_id=row.actor_id,
        operation_id=row.operation_id,
        fingerprint=row.fingerprint,
        expected_version=request.expectedVersion,
        request_id=request.requestId,
        size=len(row.request),
        deferral=Deferral(row.public_id, row.request, "apply"),
        reason=request.reason,
        node=request.node,
    )


def _accepted(public_id: str, *, is_replayed: bool) -> Answer:
    return Answer(202, {"operationId": public_id, "status": "accepted"}, is_replayed)


def _settle(future: "asyncio.Future[Any]", result: Result) -> None:
    if future.done():
        return
    if isinstance(result, ConsoleError):
        future.set_exception(result)
        future.exception()  # nobody may be waiting any more
    else:
        future.set_result(result)
