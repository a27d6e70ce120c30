"""One try of one batch: everything it does happens in the caller's transaction, in this order.

Epoch, rows and stored answers in one round trip; decisions; writes, answers, events and audit entries in another. The
rows come before the stored answers: a COMMIT of ours whose answer was lost may still be under way, and once its rows
are free its answers are there to be found. Decisions are pure, so a command that is refused leaves no trace but what
its decision says; a batch of plain refusals commits nothing but its reads.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from queue_service.commands import KINDS
from queue_service.domain.audit import audit_entry
from queue_service.domain.command import Answer, Audit, Command, Event, Result
from queue_service.domain.workingset import Change, IdSource, WorkingSet
from queue_service.store import answers, counts, job_records, jobs, outbox, queues, unique_keys
from queue_service.store import audit as audit_log
from queue_service.store.answers import StoredAnswer
from queue_service.store.session import Transaction
from queue_service.writer.deferred import Deferrals
from queue_service.writer.eventlog import Reservation
from queue_service.writer.fence import Fence
from queue_service.writer.rows import load, write
from shared.clock import iso
from shared.errors import ConsoleError, Forbidden, IdempotencyMismatch, Unauthenticated
from shared.jobs import Intervention, Job, JobAttempt, JobStep, LogLine
from shared.jsonio import dumps
from shared.policy import has_permission
from shared.principal import has_expired, is_effective
from shared.wire import error_from_wire


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch comes to once it is committed: a result for each command, in order, and the rows it changed."""

    results: list[Result]
    changes: list[Change]


Reserve = Callable[[Sequence[str], int], Reservation]


async def apply_batch(
    tx: Transaction,
    commands: Sequence[Command],
    *,
    known: Mapping[int, Job],
    fence: Fence,
    ids: IdSource,
    reserve: Reserve,
    now: datetime,
) -> Applied:
    """Apply the commands in the open transaction; the caller commits.

    `known` jobs are taken as they are, not read. `reserve` is asked for the positions of the events, and the ids of the
    audit entries, that the commit makes true.

    Raises Deposed when another leader took over, LostGuard when a guarded write missed, DatabaseFault from below.
    In each case the caller rolls back and nothing of the batch has happened.
    """
    working, stored = await load(tx, commands, known, fence, ids)
    deferrals = await Deferrals.of(tx, commands)
    results: list[Result] = []
    applied: list[tuple[Command, Answer]] = []
    events: list[Event] = []
    audits: list[tuple[Command, Audit]] = []
    attempts: list[JobAttempt] = []
    interventions: list[Intervention] = []
    steps: list[JobStep] = []
    lines: list[LogLine] = []
    stepless: set[int] = set()
    starts: Counter[int] = Counter()
    for command in commands:
        try:
            if command.deferral is not None and deferrals.awaits(command, stored):
                # stored by an earlier try: the right is judged where it is applied, and its refusal is kept there
                results.append(deferrals.put_off(command, command.deferral))
                continue
            _require_permission(command, working, now)
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
        if isinstance(decision.answer, Answer) and KINDS[command.type].is_remembered:
            applied.append((command, decision.answer))
        events += decision.events
        audits += [(command, audit) for audit in decision.audits]
        attempts += decision.attempts
        interventions += decision.interventions
        steps += decision.steps
        lines += decision.lines
        stepless |= decision.stepless
        working.note(decision.steps, decision.lines)
        starts.update(decision.starts)
    if deferrals:
        ends = {command.operation_id: result for command, result in zip(commands, results, strict=True)}
        applied += deferrals.refused(ends, stored)
        await deferrals.write(tx, now)
    reservation = reserve([dumps(event.body | {"at": iso(now)}).decode() for event in events], len(audits))
    entries = [
        audit_entry(entry_id, command, audit, working, now)
        for entry_id, (command, audit) in zip(reservation.audit_ids, audits, strict=True)
    ]
    changes = working.changes()
    await job_records.forget_steps(tx, stepless)
    await write(
        tx,
        changes,
        answers.store(tx, applied, now),
        outbox.append(tx, reservation.events),
        audit_log.append(tx, entries),
        jobs.record(tx, attempts),
        jobs.note(tx, interventions),
        job_records.keep_steps(tx, steps),
        job_records.keep_lines(tx, lines),
        queues.add_starts(tx, starts, now),
        counts.add(tx, counts.difference(changes.get(Job, ())), writer=_writer(commands[0])),
        *unique_keys.follow(tx, changes.get(Job, ())),
    )
    return Applied(results, [change for of_kind in changes.values() for change in of_kind])


def _writer(command: Command) -> int:
    """Which of the writers of jobs this batch is: its shard of the engine's lane."""
    return KINDS[command.type].shard(command.data) or 0


def _require_permission(command: Command, working: WorkingSet, now: datetime) -> None:
    """The right, by the actor's row as it is now; asked before a stored answer is given again, too."""
    if command.actor_id is None:
        return
    if not working.knows(command.actor_id):
        raise Unauthenticated
    actor = working.principal(command.actor_id)
    if actor is None or not is_effective(actor.who, actor.place) or has_expired(actor.who, now):
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
