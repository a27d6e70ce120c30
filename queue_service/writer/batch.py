"""One try of one batch: everything it does happens in the caller's transaction, in this order.

Epoch, rows and stored answers in one round trip; decisions; writes, answers and events in another. The rows come
before the stored answers: a COMMIT of ours whose answer was lost may still be under way, and once its rows are free
its answers are there to be found. Decisions are pure, so a command that is refused leaves no trace but what its
decision says; a batch of plain refusals commits nothing but its reads.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from queue_service.commands import KINDS
from queue_service.domain.command import Answer, Command, Event, Needs, Result
from queue_service.domain.workingset import IdSource, WorkingSet
from queue_service.store import answers, outbox
from queue_service.store.answers import StoredAnswer
from queue_service.store.people import administrators
from queue_service.store.session import Transaction
from queue_service.store.statement import Statement
from queue_service.store.versioned import VersionedTable
from queue_service.writer.deferred import Deferrals
from queue_service.writer.eventlog import Reservation
from queue_service.writer.fence import Fence
from shared.clock import iso
from shared.db.tables import sign_in_throttle, task_table, user_session, user_table
from shared.errors import ConsoleError, Forbidden, IdempotencyMismatch, Unauthenticated
from shared.jsonio import dumps
from shared.model import Task, Throttle, User, UserSession
from shared.policy import has_permission
from shared.wire import error_from_wire

TASKS = VersionedTable(task_table, Task)
USERS = VersionedTable(user_table, User)
SESSIONS = VersionedTable(user_session, UserSession)
THROTTLES = VersionedTable(sign_in_throttle, Throttle)

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
    working, stored = await _load(tx, commands, fence, ids)
    deferrals = await Deferrals.of(tx, commands)
    results: list[Result] = []
    applied: list[tuple[Command, Answer]] = []
    events: list[Event] = []
    for command in commands:
        try:
            if command.deferral is not None and deferrals.awaits(command, stored):
                # stored by an earlier try: the right is judged where it is applied, and its refusal is kept there
                results.append(deferrals.put_off(command, command.deferral))
                continue
            _require_permission(command, working)
            if command.deferral is not None and deferrals.puts_off(command, stored):
                results.append(deferrals.put_off(command, command.deferral))
                continue
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
        if isinstance(decision.answer, Answer):
            applied.append((command, decision.answer))
        events += decision.events
    if deferrals:
        ends = {command.operation_id: result for command, result in zip(commands, results, strict=True)}
        applied += deferrals.refused(ends, stored)
        await deferrals.write(tx, now)
    reservation = reserve([dumps(event.body | {"at": iso(now)}).decode() for event in events])
    await _write(tx, working, answers.store(tx, applied, now), outbox.append(tx, reservation.events))
    return results


def needs_of(command: Command) -> Needs:
    """The rows that a batch reads for a command. One that it only stores, or gives up, must not wait for a row."""
    if command.deferral is not None and not command.is_at("apply"):
        return Needs()
    return KINDS[command.type].needs(command.data)


async def _load(
    tx: Transaction, commands: Sequence[Command], fence: Fence, ids: IdSource
) -> tuple[WorkingSet, dict[str, StoredAnswer]]:
    """Every row the batch's decisions read, and the answers it finds, in one round trip under the epoch's lock.

    A kind of row that none of them needs costs no statement.
    """
    needs = [needs_of(command) for command in commands]
    user_ids = {c.actor_id for c in commands if c.actor_id is not None}.union(*(n.user_ids for n in needs))
    changed_user_ids = set().union(*(n.changed_user_ids for n in needs))
    emails = set().union(*(n.emails for n in needs))
    subjects = set().union(*(n.throttle_subjects for n in needs))
    demotions = sum(n.whether_administrators_remain for n in needs)
    epoch = fence.ask(tx)
    tasks = TASKS.lock(tx, set().union(*(n.task_ids for n in needs)))
    changed_users = USERS.lock(tx, changed_user_ids)
    users = USERS.read(tx, user_ids - changed_user_ids)
    of_email = USERS.read_by(tx, "email", emails)
    sessions = SESSIONS.lock(tx, set().union(*(n.session_ids for n in needs)))
    throttles = THROTTLES.read_by(tx, "subject", subjects)
    found = answers.find(tx, [command.operation_id for command in commands])
    await tx.together(epoch, tasks, changed_users, users, of_email, sessions, throttles, found)
    fence.require(epoch.result)
    working = WorkingSet(
        ids=ids,
        tasks=tasks.result,
        users=changed_users.result | users.result,
        by_email={user.email: user for user in of_email.result},
        sessions=sessions.result,
        throttles={throttle.subject: throttle for throttle in throttles.result},
    )
    if demotions:
        # each may take one away, so one more than there are of them tells as much as all
        working.administrators = set(await administrators(tx, limit=demotions + 1))
    if any(n.whether_anyone_is_registered for n in needs):
        working.anyone_is_registered = not await USERS.is_empty(tx)
    return working, found.result


def _require_permission(command: Command, working: WorkingSet) -> None:
    """The right, by the actor's row as it is now; asked before a stored answer is given again, too."""
    if command.actor_id is None:
        return
    actor = working.users.get(command.actor_id)
    if actor is None or actor.deleted_at is not None:
        raise Unauthenticated
    permission = KINDS[command.type].permission
    if permission is not None and not has_permission(actor, permission):
        raise Forbidden


def _is_replay(command: Command, stored: dict[str, StoredAnswer]) -> bool:
    found = stored.get(command.operation_id)
    return found is not None and found.fingerprint == command.fingerprint and not found.is_refusal


def _replay(command: Command, stored: StoredAnswer) -> Answer:
    if stored.fingerprint != command.fingerprint:
        raise IdempotencyMismatch
    if stored.is_refusal:
        raise error_from_wire(stored.data)
    return Answer(stored.status, stored.data, is_replayed=True)


async def _write(tx: Transaction, working: WorkingSet, *more: Statement[int]) -> None:
    """Every change and what goes with it, in one round trip. People first: a task or a session may point at a person
    of the same batch."""
    inserts = [
        USERS.insert(tx, working.inserts(User)),
        TASKS.insert(tx, working.inserts(Task)),
        SESSIONS.insert(tx, working.inserts(UserSession)),
        THROTTLES.insert(tx, working.inserts(Throttle)),
    ]
    changes = [(table, working.updates(table.entity)) for table in (USERS, TASKS, SESSIONS, THROTTLES)]
    updates = [(table.update(tx, of_table), len(of_table)) for table, of_table in changes]
    await tx.together(*inserts, *(update for update, _ in updates), *more)
    if any(update.result != wanted for update, wanted in updates):
        raise LostGuard("a row was changed past the queue service")
