"""A command: one write, as it travels through the writer, and the values that deciding it yields.

Deciding is pure. The writer loads the rows that the commands of a batch `need`, asks each command kind to `decide`
against that working set, folds the changes in, and writes the sum of them. A refusal is an exception that `decide`
raises before it changed anything, so it can never touch its neighbours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from queue_service.domain.workingset import Change, WorkingSet
from shared.commands import CommandData
from shared.errors import ConsoleError
from shared.policy import Permission


@dataclass(frozen=True, slots=True)
class Command:
    """One write. `actor_id` None is the system itself, which every rule lets pass.

    `operation_id` is what makes it happen once: SHA-256 in hex of the idempotency scope and key. `fingerprint` is the
    digest of the request it came from. `size` counts bytes and `weight` rows, for the limits.
    """

    type: str
    data: CommandData
    actor_id: int | None
    operation_id: str
    fingerprint: str
    expected_version: int | None = None
    request_id: str = ""
    size: int = 0
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Needs:
    """The rows a decision reads. Tasks are locked in id order; users are read."""

    task_ids: frozenset[int] = frozenset()
    user_ids: frozenset[int] = frozenset()
    emails: frozenset[str] = frozenset()
    whether_anyone_is_registered: bool = False


Position = tuple[int, int]
"""Epoch and sequence number: the order of events, across restarts too."""


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
class Decision:
    """What applying a command means: its answer, the rows it changes, the events it causes."""

    answer: Answer
    changes: Sequence[Change]
    events: Sequence[Event] = field(default=())


@dataclass(frozen=True, slots=True)
class CommandKind:
    """One type of command.

    `permission` None means that the node's own gate suffices (registration). `needs` names the rows the decision
    reads, besides the actor's own, which is always there. `decide` applies the command to the working set or raises
    the ConsoleError that refuses it. `shard` gives the aggregate that orders the command among its lane's shards;
    None when nothing orders it.
    """

    name: str
    lane: str
    permission: Permission | None
    data: type[CommandData]
    needs: Callable[[Any], Needs]
    decide: Callable[[Any, Command, WorkingSet, datetime], Decision]
    shard: Callable[[Any], int | None] = lambda _: None
