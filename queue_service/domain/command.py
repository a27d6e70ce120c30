"""A command: one write, as it travels through the writer, and the values that deciding it yields.

Deciding is pure. The writer loads the rows that the commands of a batch `need`, asks each command kind to `decide`
against that working set, folds the changes in, and writes the sum of them. A refusal is an exception that `decide`
raises before it changed anything, so it can never touch its neighbours. A refusal that has to leave something behind
(a failed sign-in is counted) is a decision whose answer is an error: its changes are written, and it is never stored.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from queue_service.domain.workingset import Change, WorkingSet
from shared.actor import ActorId
from shared.commands import CommandData
from shared.errors import ConsoleError
from shared.jobs import Intervention, JobAttempt, JobStep, LogLine
from shared.permissions import Permission
from shared.units import UnitKey

Stage = Literal["store", "apply", "give_up"]


@dataclass(frozen=True, slots=True)
class Deferral:
    """That a command is answered once it is stored, and applied afterwards.

    `public_id` is what its actor asks for the outcome by: made up, so that it says nothing about the key. `request` is
    the command as it is stored. `stage`: what the next batch does with it.
    """

    public_id: str
    request: str
    stage: Stage = "store"


@dataclass(frozen=True, slots=True)
class Slot:
    """A unit that waits for jobs, `most` of them. What is submitted now to these queues may be leased to it at once,
    under `token`."""

    unit: UnitKey
    token: str
    most: int
    queues: frozenset[str]


@dataclass(frozen=True, slots=True)
class Command:
    """One write. `actor_id` None is the system itself, which every rule lets pass.

    `operation_id` is what makes it happen once: SHA-256 in hex of the idempotency scope and key. `fingerprint` is the
    digest of the request it came from. `size` counts bytes and `weight` rows, for the limits. `deferral` is None for a
    command whose caller waits for its outcome. `slot`: a unit that waits, for jobs that are submitted. For the audit
    log: `is_systems` tells the system from a stranger, `reason` is what the client said for it, `node` the API node
    that it came by.
    """

    type: str
    data: CommandData
    actor_id: ActorId | None
    operation_id: str
    fingerprint: str
    expected_version: int | None = None
    request_id: str = ""
    size: int = 0
    weight: int = 1
    deferral: Deferral | None = None
    slot: Slot | None = None
    is_systems: bool = False
    reason: str | None = None
    node: str = ""

    def is_at(self, stage: Stage) -> bool:
        """Whether it is deferred and the next batch does this with it."""
        return self.deferral is not None and self.deferral.stage == stage


@dataclass(frozen=True, slots=True)
class Needs:
    """The rows a decision reads. Tasks, jobs, sessions, applications, secrets and the people it changes are locked in
    id order; the rest is read.

    People are read with where they stand; applications too, and with all of their secrets. `login_names` and
    `role_names` are looked up for who has them. `whole_organisation`: every department, and every permission.
    `uses_of_*`: what keeps one from being deleted. `whether_administrators_remain`: who else could still administer.
    `unit_ids` are those that units gave themselves, `queue_names` those of queues, both looked up in all departments.
    `attempts` (job, attempt) are read where they are not the last of their job.
    `job_ids` come without their config, `given_job_ids` with it; of `placed_job_ids` the path of their department.
    `unique_keys` (type, key) are those that jobs of the actor's department are to have: the jobs that have them now.
    `retaken_job_ids` may take their own keys again: whoever has those. `stepping_job_ids`: the steps that are kept of
    them; `logging_attempts` (job, attempt): the last line of each.
    `people_below`: departments, for the roles that people have there and below.
    """

    task_ids: frozenset[int] = frozenset()
    user_ids: frozenset[int] = frozenset()
    changed_user_ids: frozenset[int] = frozenset()
    login_names: frozenset[str] = frozenset()
    session_ids: frozenset[int] = frozenset()
    throttle_subjects: frozenset[str] = frozenset()
    application_ids: frozenset[int] = frozenset()
    secret_ids: frozenset[int] = frozenset()
    job_ids: frozenset[int] = frozenset()
    given_job_ids: frozenset[int] = frozenset()
    placed_job_ids: frozenset[int] = frozenset()
    attempts: frozenset[tuple[int, int]] = frozenset()
    unique_keys: frozenset[tuple[str, str]] = frozenset()
    retaken_job_ids: frozenset[int] = frozenset()
    stepping_job_ids: frozenset[int] = frozenset()
    logging_attempts: frozenset[tuple[int, int]] = frozenset()
    unit_ids: frozenset[str] = frozenset()
    queue_names: frozenset[str] = frozenset()
    department_ids: frozenset[int] = frozenset()
    role_ids: frozenset[int] = frozenset()
    role_names: frozenset[str] = frozenset()
    every_permission: bool = False
    whole_organisation: bool = False
    people_below: frozenset[int] = frozenset()
    uses_of_departments: frozenset[int] = frozenset()
    uses_of_roles: frozenset[int] = frozenset()
    whether_anyone_is_registered: bool = False
    whether_administrators_remain: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One committed change as the event stream tells it; `body` has everything but the sequence number."""

    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets once the command is committed. `is_replayed` marks a stored answer given again."""

    status: int
    data: Any
    is_replayed: bool = False


Result = Answer | ConsoleError
"""How one command of a batch ended."""


@dataclass(frozen=True, slots=True)
class Audit:
    """One line of the audit log: what was done to which object, and what the object was before and is after (its wire
    shape; secrets are named, never shown). `department_id` is where it belongs; None: to nobody's."""

    action: str
    entity: str
    entity_id: int
    department_id: int | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What applying a command means: its answer, the rows it changes, the events it causes, what is put on record, and
    the attempts at jobs that it ends, what was done to jobs, the steps that are done and the lines that attempts say,
    the jobs whose steps are forgotten, and how many began of those queues that limit this."""

    answer: Result
    changes: Sequence[Change]
    events: Sequence[Event] = field(default=())
    audits: Sequence[Audit] = field(default=())
    attempts: Sequence[JobAttempt] = field(default=())
    interventions: Sequence[Intervention] = field(default=())
    steps: Sequence[JobStep] = field(default=())
    lines: Sequence[LogLine] = field(default=())
    stepless: frozenset[int] = frozenset()
    starts: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandKind:
    """One type of command.

    `permission` None means that no general right is asked for: the rule, if any, is in `decide`. A stranger's command
    is refused unless it `is_open`; anybody's, if it `is_for_the_system`. `needs` names the rows the decision
    reads, besides the actor's own, which is always there. `decide` applies the command to the working set or raises
    the ConsoleError that refuses it. `shard` gives the aggregate that orders the command among its lane's shards;
    None when nothing orders it. `weight` is how many rows it writes. One that is not `is_remembered` leaves no stored
    answer: applied again it finds that it was.
    """

    name: str
    lane: str
    permission: Permission | None
    data: type[CommandData]
    needs: Callable[[Any], Needs]
    decide: Callable[[Any, Command, WorkingSet, datetime], Decision]
    shard: Callable[[Any], int | None] = lambda _: None
    is_open: bool = False
    is_for_the_system: bool = False
    weight: Callable[[Any], int] = lambda _: 1
    is_remembered: bool = True
