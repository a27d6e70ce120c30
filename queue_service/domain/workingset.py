"""The rows one batch works on: what was loaded, and what the commands so far have made of it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.actor import ActorId, ApplicationId
from shared.applications import Application, ApplicationSecret, place_of
from shared.jobs import Job, JobAttempt, JobStep, LogLine, digest_of
from shared.model import Task, Throttle, User, UserSession
from shared.organisation import ADMINISTRATOR, ON, Department, PermissionRow, Place, Role, place_in
from shared.principal import Principal, principal_of
from shared.queues import Queue, QueueKey
from shared.units import ExecutionUnit, UnitKey

Entity = (
    Task
    | User
    | UserSession
    | Throttle
    | Department
    | Role
    | PermissionRow
    | Application
    | ApplicationSecret
    | Job
    | ExecutionUnit
    | Queue
)


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


@dataclass(frozen=True, slots=True)
class Uses:
    """What stands in the way of deleting a department: how many of each kind. Of a role: how many people have it in
    which department (`holders`)."""

    departments: int = 0
    users: int = 0
    tasks: int = 0
    applications: int = 0
    jobs: int = 0
    units: int = 0
    holders: Mapping[int, int] = field(default_factory=dict)

    def by_kind(self) -> dict[str, int]:
        """The counts as the API shows them."""
        kinds = ("departments", "users", "tasks", "applications", "jobs", "units")
        return {name: getattr(self, name) for name in kinds}


@dataclass(slots=True)
class WorkingSet:
    """Rows by id (people by login name too, throttles by subject). `apply` folds a change in, so a later command of the
    batch sees it.

    `places` has where each of the `users` and `applications` stands, `paths` the departments of the `tasks`.
    `administrators` are the accounts that can administer unless their department, which is the value, is one of
    `departments_off`. `uses` is by kind and id of what may be deleted, as the database had it. `stationed` counts
    the people who are on, by department and role, of those departments that were asked about. `key_holders` are the
    jobs that have those unique keys that were asked about, by what stands for them. `last_lines` has that of each
    attempt (job, number) that has said something.
    """

    ids: IdSource
    tasks: dict[int, Task] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    places: dict[ActorId, Place] = field(default_factory=dict)
    by_name: dict[str, User] = field(default_factory=dict)
    sessions: dict[int, UserSession] = field(default_factory=dict)
    throttles: dict[str, Throttle] = field(default_factory=dict)
    applications: dict[int, Application] = field(default_factory=dict)
    secrets: dict[int, ApplicationSecret] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    key_holders: dict[str, int] = field(default_factory=dict)
    attempts: dict[tuple[int, int], JobAttempt] = field(default_factory=dict)
    steps: dict[int, dict[str, JobStep]] = field(default_factory=dict)
    last_lines: dict[tuple[int, int], int] = field(default_factory=dict)
    units: dict[UnitKey, ExecutionUnit] = field(default_factory=dict)
    queues: dict[QueueKey, Queue] = field(default_factory=dict)
    departments: dict[int, Department] = field(default_factory=dict)
    roles: dict[int, Role] = field(default_factory=dict)
    permissions: dict[int, PermissionRow] = field(default_factory=dict)
    roles_by_name: dict[str, Role] = field(default_factory=dict)
    administrators: dict[int, int] = field(default_factory=dict)
    departments_off: set[int] = field(default_factory=set)
    uses: dict[tuple[type[Entity], int], Uses] = field(default_factory=dict)
    stationed: Counter[tuple[int, int]] = field(default_factory=Counter)
    anyone_is_registered: bool = True
    _changed: dict[tuple[type[Entity], int], Change] = field(default_factory=dict)

    def principal(self, actor_id: ActorId | None) -> Principal | None:
        """Somebody as they are after the commands so far; None for the system itself (no id).

        Raises KeyError for an account or an application that was not loaded, or does not exist.
        """
        if actor_id is None:
            return None
        place = self.places[actor_id]
        if isinstance(actor_id, ApplicationId):
            return principal_of(self.applications[actor_id.number], place)
        return principal_of(self.users[actor_id], place)

    def knows(self, actor_id: ActorId) -> bool:
        """Whether there is such an account or application, of those that were loaded; deleted or not."""
        return actor_id in self.places

    def secrets_of(self, application_id: int) -> list[ApplicationSecret]:
        """Every secret an application ever had, after the commands so far."""
        return [secret for secret in self.secrets.values() if secret.application_id == application_id]

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
            case Department():
                self._apply_department(after)
            case Role():
                self._apply_role(change.before, after)
            case PermissionRow():
                self._apply_permission(after)
            case Application():
                self._apply_application(after)
            case ApplicationSecret() | Job() | ExecutionUnit() | Queue():
                self._apply_plain(after)

    def note(self, steps: Sequence[JobStep], lines: Sequence[LogLine]) -> None:
        """What attempts leave behind: a later report of the batch sees it."""
        for step in steps:
            self.steps[step.job_id][step.name] = step
        for line in lines:
            self.last_lines[line.job_id, line.attempt] = line.line

    def changes(self) -> dict[type[Entity], list[Change]]:
        """What to write, by kind, in id order."""
        found: dict[type[Entity], list[Change]] = {}
        for (kind, _), change in sorted(self._changed.items(), key=lambda kv: kv[0][1]):
            found.setdefault(kind, []).append(change)
        return found

    def uses_of_department(self, department_id: int) -> Uses:
        """What is in a department and right below it, after the commands so far (none of this lane writes jobs)."""
        found = self.uses[Department, department_id]
        return replace(
            found,
            departments=found.departments + self._more(Department, "parent_id", department_id),
            users=found.users + self._more(User, "department_id", department_id),
            tasks=found.tasks + self._more(Task, "department_id", department_id),
            applications=found.applications + self._more(Application, "department_id", department_id),
        )

    def holders_of_role(self, role_id: int) -> Counter[int]:
        """How many people have a role in which department, after the commands so far; only where somebody has it."""
        found = Counter(self.uses[Role, role_id].holders)
        for change in self._changed.values():
            for row, more in ((change.before, -1), (change.after, 1)):
                if isinstance(row, User) and row.deleted_at is None and row.role_id == role_id:
                    found[row.department_id] += more
        return +found

    def roles_in(self, department_ids: Collection[int]) -> list[Role]:
        """The roles of people who are on in these departments, after the commands so far."""
        counts: Counter[tuple[int, int] | None] = Counter(self.stationed)
        for change in self._changed.values():
            counts[_station(change.before)] -= 1
            counts[_station(change.after)] += 1
        there = {station for station, people in counts.items() if station is not None and people > 0}
        role_ids = {role_id for department_id, role_id in there if department_id in department_ids}
        return [self.roles[role_id] for role_id in sorted(role_ids)]

    def _more(self, kind: type[Department | User | Task | Application], column: str, wanted: int) -> int:
        """How many more rows than at the start are not deleted and have `wanted` there; less than 0 for fewer."""

        def counts(row: Entity | None) -> bool:
            return isinstance(row, kind) and row.deleted_at is None and getattr(row, column) == wanted

        return sum(counts(change.after) - counts(change.before) for change in self._changed.values())

    def _apply_plain(self, after: ApplicationSecret | Job | ExecutionUnit | Queue) -> None:
        """What nothing else follows from."""
        if isinstance(after, ApplicationSecret):
            self.secrets[after.id] = after
        elif isinstance(after, Job):
            self.jobs[after.id] = after
            if after.holds_key and (digest := digest_of(after)) is not None:
                self.key_holders[digest] = after.id
        elif isinstance(after, Queue):
            self.queues[after.key] = after
        else:
            self.units[after.key] = after

    def _apply_user(self, before: Entity | None, after: User) -> None:
        if isinstance(before, User):
            for name in _names_of(before):
                self.by_name.pop(name, None)
            place = self.places[after.id]
            if after.role_id != before.role_id:
                place = place.with_role(self.roles[after.role_id])
            if after.department_id != before.department_id:
                place = place.in_department(self.departments[after.department_id])
        else:
            place = place_in(self.roles[after.role_id], self.departments[after.department_id])
        self.users[after.id], self.places[after.id] = after, place
        self.by_name |= dict.fromkeys(_names_of(after), after)
        self.anyone_is_registered = True
        if after.deleted_at is None and after.status == ON and place.role_code == ADMINISTRATOR:
            self.administrators[after.id] = after.department_id
        else:
            self.administrators.pop(after.id, None)
        if place.department_enabled != ON:
            self.departments_off.add(after.department_id)

    def _apply_department(self, after: Department) -> None:
        self.departments[after.id] = after
        self.paths[after.id] = after.path
        for user in self.users.values():
            if user.department_id == after.id:
                self.places[user.id] = self.places[user.id].in_department(after)
        for application in self.applications.values():
            if application.department_id == after.id:
                stands = ApplicationId(application.id)
                self.places[stands] = self.places[stands].in_department(after)
        if after.enabled == ON:
            self.departments_off.discard(after.id)
        else:
            self.departments_off.add(after.id)

    def _apply_role(self, before: Entity | None, after: Role) -> None:
        if isinstance(before, Role) and before.live_name is not None:
            self.roles_by_name.pop(before.live_name, None)
        self.roles[after.id] = after
        if after.live_name is not None:
            self.roles_by_name[after.live_name] = after
        for user in self.users.values():
            if user.role_id == after.id:
                self.places[user.id] = self.places[user.id].with_role(after)

    def _apply_permission(self, after: PermissionRow) -> None:
        self.permissions[after.id] = after
        for actor_id, place in self.places.items():
            self.places[actor_id] = replace(place, enabled_ids=_with(place.permission_ids, place.enabled_ids, after))
        # somebody may be given the role later in the batch
        for role_id, role in self.roles.items():
            self.roles[role_id] = replace(role, enabled_ids=_with(role.permission_ids, role.enabled_ids, after))
        for application in self.applications.values():
            enabled_ids = _with(application.scope_ids, application.enabled_ids, after)
            self.applications[application.id] = replace(application, enabled_ids=enabled_ids)

    def _apply_application(self, after: Application) -> None:
        self.applications[after.id] = after
        stands = ApplicationId(after.id)
        department = self.departments.get(after.department_id)
        if department is None:  # it was not loaded, so it is the same as before
            self.places[stands] = replace(
                self.places[stands],
                role_name=after.name,
                permission_ids=after.scope_ids,
                enabled_ids=after.enabled_ids,
            )
        else:
            self.places[stands] = place_of(
                after, department_name=department.name, path=department.path, department_enabled=department.enabled
            )


def _with(granted: frozenset[int], enabled: frozenset[int], permission: PermissionRow) -> frozenset[int]:
    """Of some granted permissions those that are on, now that one was turned on or off."""
    without = enabled - {permission.id}
    return without | {permission.id} if permission.status == ON and permission.id in granted else without


def _station(row: Entity | None) -> tuple[int, int] | None:
    """Department and role of somebody who is on."""
    if isinstance(row, User) and row.deleted_at is None and row.status == ON:
        return row.department_id, row.role_id
    return None


def _names_of(user: User) -> set[str]:
    return {user.username} | ({user.email} if user.email else set())
