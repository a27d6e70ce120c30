"""The rows one batch works on: what was loaded, and what the commands so far have made of it."""

from dataclasses import dataclass, field
from typing import TypeVar

from shared.model import Task, Throttle, User, UserSession

Entity = Task | User | UserSession | Throttle
E = TypeVar("E", Task, User, UserSession, Throttle)


@dataclass(frozen=True, slots=True)
class Change:
    """One entity before and after a command. `before` None is an insert."""

    before: Entity | None
    after: Entity


class IdSource:
    """Ids for new rows, counted by the only writer. A rolled-back batch leaves a gap, never a duplicate.

    Ids are not left to AUTO_INCREMENT: the answer is known before the insert, one statement and no read-back serve a
    whole batch, and it holds on clusters whose counters step by more than one (docs/adr/0004).
    """

    def __init__(self, last: dict[type[Entity], int]) -> None:
        self._last = dict(last)

    def next(self, kind: type[Entity]) -> int:
        self._last[kind] = self._last.get(kind, 0) + 1
        return self._last[kind]


@dataclass(slots=True)
class WorkingSet:
    """Rows by id (people by e-mail too, throttles by subject). `apply` folds a change in, so a later command of the
    batch sees it. `administrators` holds enough of their ids to tell whether one would be left."""

    ids: IdSource
    tasks: dict[int, Task] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    by_email: dict[str, User] = field(default_factory=dict)
    sessions: dict[int, UserSession] = field(default_factory=dict)
    throttles: dict[str, Throttle] = field(default_factory=dict)
    administrators: set[int] = field(default_factory=set)
    anyone_is_registered: bool = True
    _changed: dict[tuple[type[Entity], int], Change] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        after = change.after
        key = (type(after), after.id)
        first = self._changed.get(key)
        # several commands on one row are written once: from what the database holds to what the last one made
        self._changed[key] = Change(first.before if first else change.before, after)
        match after:
            case Task():
                self.tasks[after.id] = after
            case User():
                self._apply_user(change.before, after)
            case UserSession():
                self.sessions[after.id] = after
            case Throttle():
                self.throttles[after.subject] = after

    def inserts(self, kind: type[E]) -> list[E]:
        """New rows of one kind, in id order."""
        return [c.after for c in self._of(kind) if c.before is None and isinstance(c.after, kind)]

    def updates(self, kind: type[Entity]) -> list[Change]:
        """Changed rows of one kind, in id order."""
        return [c for c in self._of(kind) if c.before is not None]

    def _apply_user(self, before: Entity | None, after: User) -> None:
        if isinstance(before, User) and before.email != after.email:
            self.by_email.pop(before.email, None)
        self.users[after.id] = self.by_email[after.email] = after
        self.anyone_is_registered = True
        if after.role == "admin" and after.deleted_at is None:
            self.administrators.add(after.id)
        else:
            self.administrators.discard(after.id)

    def _of(self, kind: type[Entity]) -> list[Change]:
        return [change for (of, _), change in sorted(self._changed.items(), key=lambda kv: kv[0][1]) if of is kind]
