"""The rows of one batch: read together before its commands are decided, written together after.

A kind of row that no command needs costs no statement; what only a few commands need is asked for apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from queue_service.commands import KINDS
from queue_service.commands.actors import department_of
from queue_service.domain.command import Command, Needs
from queue_service.domain.workingset import Change, Entity, IdSource, WorkingSet
from queue_service.store import answers, applications, grants, job_records, jobs, organisation, people, unique_keys
from queue_service.store.aggregates import (
    ALL,
    APPLICATIONS,
    BRIEF_JOBS,
    DEPARTMENTS,
    JOBS,
    PERMISSIONS,
    QUEUES,
    ROLES,
    SECRETS,
    SESSIONS,
    TASKS,
    THROTTLES,
    UNITS,
    USERS,
)
from queue_service.store.answers import StoredAnswer
from queue_service.store.session import Transaction
from queue_service.store.statement import Statement
from queue_service.writer.fence import Fence
from shared.actor import ApplicationId
from shared.jobs import OVER, Job, digest_of, key_digest
from shared.organisation import Department, Role

T = TypeVar("T")


class LostGuard(Exception):
    """A row changed between our locking read and our guarded write: somebody writes past the queue service."""


def needs_of(command: Command) -> Needs:
    """The rows that a batch reads for a command. One that it only stores, or gives up, must not wait for a row."""
    if command.deferral is not None and not command.is_at("apply"):
        return Needs()
    return KINDS[command.type].needs(command.data)


async def load(
    tx: Transaction, commands: Sequence[Command], known: Mapping[int, Job], fence: Fence, ids: IdSource
) -> tuple[WorkingSet, dict[str, StoredAnswer]]:
    """Every row the batch's decisions read, and the answers it finds, in one round trip under the epoch's lock. `known`
    jobs are not read.

    Raises Deposed when another leader took over.
    """
    needs = [needs_of(command) for command in commands]
    task_ids = _all(n.task_ids for n in needs)
    changed_user_ids = _all(n.changed_user_ids for n in needs)
    actor_ids = {c.actor_id for c in commands if c.actor_id is not None}
    user_ids = _all(n.user_ids for n in needs) | {i for i in actor_ids if not isinstance(i, ApplicationId)}
    changed_application_ids = _all(n.application_ids for n in needs)
    acting = {i.number for i in actor_ids if isinstance(i, ApplicationId)}
    names = _all(n.login_names for n in needs)
    epoch = fence.ask(tx)
    tasks = TASKS.lock(tx, task_ids)
    paths = people.task_paths(tx, task_ids)
    job_paths = jobs.paths(tx, _all(n.placed_job_ids for n in needs))
    changed_users = USERS.lock(tx, changed_user_ids)
    persons = people.read(tx, user_ids | changed_user_ids)
    of_email = USERS.read_by(tx, "email", names)
    of_username = USERS.read_by(tx, "username", names)
    sessions = SESSIONS.lock(tx, _all(n.session_ids for n in needs))
    changed_applications = APPLICATIONS.lock(tx, changed_application_ids)
    placed = applications.read(tx, changed_application_ids | acting)
    secrets = SECRETS.lock(tx, _all(n.secret_ids for n in needs))
    of_applications = SECRETS.read_by(tx, "application_id", changed_application_ids)
    throttles = THROTTLES.read_by(tx, "subject", _all(n.throttle_subjects for n in needs))
    is_whole = any(n.whole_organisation for n in needs)
    departments = DEPARTMENTS.read_all(tx) if is_whole else DEPARTMENTS.read(tx, _all(n.department_ids for n in needs))
    needs_permissions = is_whole or any(n.every_permission for n in needs)
    permissions = PERMISSIONS.read_all(tx) if needs_permissions else PERMISSIONS.read(tx, ())
    roles = ROLES.read(tx, _all(n.role_ids for n in needs))
    of_role_name = ROLES.read_by(tx, "live_name", _all(n.role_names for n in needs))
    # what is known of some of them lacks what may be large
    given_job_ids = frozenset(i for i in _all(n.given_job_ids for n in needs) if i not in known or not known[i].config)
    known = {job_id: job for job_id, job in known.items() if job_id not in given_job_ids}
    given_jobs = JOBS.lock(tx, given_job_ids)
    locked_jobs = BRIEF_JOBS.lock(tx, _all(n.job_ids for n in needs) - given_job_ids - known.keys())
    waiting_units = {c.slot.unit[1] for c in commands if c.slot is not None}
    units = UNITS.read_by(tx, "name_id", _all(n.unit_ids for n in needs) | waiting_units)
    of_slots = _all(c.slot.queues for c in commands if c.slot is not None)
    queues = QUEUES.read_by(tx, "name", _all(n.queue_names for n in needs) | of_slots)
    found = answers.find(tx, [command.operation_id for command in commands])
    await tx.together(
        *(epoch, tasks, paths, changed_users, persons, of_email, of_username, sessions, throttles),
        *(changed_applications, placed, secrets, of_applications),
        *(given_jobs, locked_jobs, job_paths, units, queues),
        *(departments, permissions, roles, of_role_name, found),
    )
    fence.require(epoch.result)
    working = WorkingSet(
        ids=ids,
        tasks=tasks.result,
        paths=paths.result | job_paths.result,
        users={user_id: user for user_id, (user, _) in persons.result.items()} | changed_users.result,
        places={
            **{user_id: place for user_id, (_, place) in persons.result.items()},
            **{ApplicationId(number): place for number, (_, place) in placed.result.items()},
        },
        by_name={u.email: u for u in of_email.result if u.email} | {u.username: u for u in of_username.result},
        sessions=sessions.result,
        throttles={throttle.subject: throttle for throttle in throttles.result},
        applications={number: application for number, (application, _) in placed.result.items()}
        | changed_applications.result,
        secrets={secret.id: secret for secret in of_applications.result} | secrets.result,
        jobs={**known, **given_jobs.result, **locked_jobs.result},
        units={unit.key: unit for unit in units.result},
        queues={queue.key: queue for queue in queues.result},
        departments=departments.result,
        permissions=permissions.result,
        roles=roles.result | {role.id: role for role in of_role_name.result},
        roles_by_name={role.live_name: role for role in of_role_name.result if role.live_name},
    )
    await _ask_what_few_need(tx, needs, working)
    await _ask_for_keys(tx, commands, needs, working)
    return working, found.result


async def write(tx: Transaction, changes: Mapping[type[Entity], Sequence[Change]], *more: Statement[int]) -> None:
    """Every change, by kind, and what goes with them, in one round trip. Raises LostGuard when a guarded write
    missed."""
    inserts: list[Statement[int]] = []
    updates: list[tuple[Statement[int], int]] = []
    for kind, table in ALL.items():
        if kind in changes:
            new = [change.after for change in changes[kind] if change.before is None]
            changed = [change for change in changes[kind] if change.before is not None]
            inserts.append(table.insert(tx, new))
            updates.append((table.update(tx, changed), len(changed)))
    granted = grants.write(tx, changes)
    await tx.together(*inserts, *(update for update, _ in updates), *granted, *more)
    if any(update.result != wanted for update, wanted in updates):
        raise LostGuard("a row was changed past the queue service")


async def _ask_what_few_need(tx: Transaction, needs: Sequence[Needs], working: WorkingSet) -> None:
    if any(n.whether_administrators_remain for n in needs):
        working.administrators, working.departments_off = await organisation.administrators(tx)
    if any(n.whether_anyone_is_registered for n in needs):
        working.anyone_is_registered = not await USERS.is_empty(tx)
    below = [working.departments[i].path for i in _all(n.people_below for n in needs) if i in working.departments]
    if below:
        working.stationed = await organisation.stationed(tx, below)
        role_ids = {role_id for _, role_id in working.stationed}
        working.roles = await ROLES.read(tx, role_ids) | working.roles
    for department_id in _all(n.uses_of_departments for n in needs):
        working.uses[Department, department_id] = await organisation.uses_of_department(tx, department_id)
    for role_id in _all(n.uses_of_roles for n in needs):
        working.uses[Role, role_id] = await organisation.uses_of_role(tx, role_id)
    if stepping := _all(n.stepping_job_ids for n in needs):
        working.steps = await job_records.steps(tx, stepping)
    if logging := _all(n.logging_attempts for n in needs):
        working.last_lines = await job_records.last_lines(tx, logging)
    former = _former(_all(n.attempts for n in needs), working)
    if former:
        working.attempts = await jobs.attempts(tx, former)


async def _ask_for_keys(
    tx: Transaction, commands: Sequence[Command], needs: Sequence[Needs], working: WorkingSet
) -> None:
    """Which jobs have the unique keys that are wanted. A key is of the department of whoever wants it."""
    wanted = {
        key_digest(department_of(command, working), *key)
        for command, need in zip(commands, needs, strict=True)
        if need.unique_keys and (command.actor_id is None or working.knows(command.actor_id))
        for key in need.unique_keys
    }
    retaken = (working.jobs.get(job_id) for job_id in _all(n.retaken_job_ids for n in needs))
    wanted |= {digest for job in retaken if job is not None and (digest := digest_of(job)) is not None}
    if wanted:
        working.key_holders = await unique_keys.holders(tx, wanted)
        working.jobs |= await JOBS.lock(tx, frozenset(working.key_holders.values()) - working.jobs.keys())


def _former(attempts: frozenset[tuple[int, int]], working: WorkingSet) -> list[tuple[int, int]]:
    """Those whose end does not stand with the job: earlier ones, and the last one of a job that time ended after it."""
    return [
        (job_id, attempt)
        for job_id, attempt in sorted(attempts)
        if (job := working.jobs.get(job_id)) and (attempt < job.attempt or job.outcome in OVER)
    ]


def _all(sets: Iterable[frozenset[T]]) -> frozenset[T]:
    return frozenset().union(*sets)
