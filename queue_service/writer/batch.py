"""One try of one batch: everything it does happens in the caller's transaction, in this order.

Epoch, rows, stored answers, decisions, writes, answers, events. The rows come before the stored answers: a COMMIT of
ours whose answer was lost may still be under way, and once its rows are free its answers are there to be found.
Decisions are pure, so a command that is refused leaves no trace; a batch of refusals commits nothing but its reads.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from queue_service.commands import KINDS
from queue_service.domain.command import Answer, Command, Event, Result
from queue_service.domain.workingset import IdSource, WorkingSet
from queue_service.store import answers, outbox
from queue_service.store.answers import StoredAnswer
from queue_service.store.session import Transaction
from queue_service.store.versioned import VersionedTable
from queue_service.writer.eventlog import Reservation
from queue_service.writer.fence import Fence
from shared.clock import iso
from shared.db.tables import task_table, user_table
from shared.errors import ConsoleError, Forbidden, IdempotencyMismatch, Unauthenticated
from shared.jsonio import dumps
from shared.model import Task, User
from shared.policy import has_permission

TASKS = VersionedTable(task_table, Task)
USERS = VersionedTable(user_table, User)

Reserve = Callable[[Sequence[str]], Reservation]


class LostGuard(Exception):
    """A row changed between our locking read and our guarded write: somebody writes past the queue service."""


async def apply_batch(
    tx: Transaction, commands: Sequence[Command], *, fence: Fence, ids: IdSource, reserve: Reserve, now: datetime
) -> list[Result]:
    """Apply the commands in the open transaction; the caller commits. A result for each command, in order.

    `reserve` is asked for the positions of the events that the commit makes true.

    Raises Deposed when another leader took over, LostGuard when a guarded write missed, DatabaseFault from below.
    In each case the caller rolls back and nothing of the batch has happened.
    """
    await fence.check(tx)
    working = await _load(tx, commands, ids)
    stored = await answers.find(tx, [command.operation_id for command in commands])
    results: list[Result] = []
    applied: list[tuple[Command, Answer]] = []
    events: list[Event] = []
    for command in commands:
        try:
            _require_permission(command, working)
            if command.operation_id in stored:
                results.append(_replay(command, stored[command.operation_id]))
                continue
            decision = KINDS[command.type].decide(command.data, command, working, now)
        except ConsoleError as refusal:
            if _is_replay(command, stored):
                refusal.outcome = "applied"  # refused now, but the write it asks about happened
            results.append(refusal)
            continue
        for change in decision.changes:
            working.apply(change)
        results.append(decision.answer)
        applied.append((command, decision.answer))
        events += decision.events
    await _write(tx, working)
    await answers.store(tx, applied, now)
    reservation = reserve([dumps(event.body | {"at": iso(now)}).decode() for event in events])
    await outbox.append(tx, reservation.events)
    return results


async def _load(tx: Transaction, commands: Sequence[Command], ids: IdSource) -> WorkingSet:
    """Every row the batch's decisions read: the tasks locked, the people read."""
    needs = [KINDS[c.type].needs(c.data) for c in commands]
    user_ids = {c.actor_id for c in commands if c.actor_id is not None}.union(*(n.user_ids for n in needs))
    emails = set().union(*(n.emails for n in needs))
    tx.concerns_rows = True
    working = WorkingSet(
        ids=ids,
        tasks=await TASKS.lock(tx, set().union(*(n.task_ids for n in needs))),
        users=await USERS.read(tx, user_ids),
        by_email={user.email: user for user in await USERS.read_by(tx, "email", emails)},
    )
    if any(n.whether_anyone_is_registered for n in needs):
        working.anyone_is_registered = not await USERS.is_empty(tx)
    return working


def _require_permission(command: Command, working: WorkingSet) -> None:
    """The right, by the actor's row as it is now; asked before a stored answer is given again, too."""
    permission = KINDS[command.type].permission
    if command.actor_id is None or permission is None:
        return
    actor = working.users.get(command.actor_id)
    if actor is None or actor.deleted_at is not None:
        raise Unauthenticated
    if not has_permission(actor, permission):
        raise Forbidden


def _is_replay(command: Command, stored: dict[str, StoredAnswer]) -> bool:
    found = stored.get(command.operation_id)
    return found is not None and found.fingerprint == command.fingerprint


def _replay(command: Command, stored: StoredAnswer) -> Answer:
    if stored.fingerprint != command.fingerprint:
        raise IdempotencyMismatch
    return Answer(stored.status, stored.data, is_replayed=True)


async def _write(tx: Transaction, working: WorkingSet) -> None:
    """People before tasks: a task may point at a person of the same batch."""
    await USERS.insert(tx, working.inserts(User))
    await TASKS.insert(tx, working.inserts(Task))
    for table, kind in ((USERS, User), (TASKS, Task)):
        changes = working.updates(kind)
        if await table.update(tx, changes) != len(changes):
            raise LostGuard(f"a row of {kind.__name__} was changed past the queue service")
