"""The tree of departments and who may administer: whatever is asked in whatever order, also within one batch, a plain
model of it agrees with what the queue service accepted, refused and stored."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from queue_service.domain.command import Answer, Command
from queue_service.service import QueueService
from shared.errors import (
    ConsoleError,
    Forbidden,
    InUse,
    Invalid,
    LastAdministrator,
    NotFound,
    RegistrationClosed,
    RoleNameTaken,
    Unauthenticated,
)
from shared.organisation import ADMINISTRATOR_ID, EMPLOYEE_ID, HEAD_OFFICE_ID
from shared.permissions import ID_OF, Permission
from tests.support.databases import Database
from tests.support.writer import A_HASH, command, outcomes, register

HEAD = HEAD_OFFICE_ID


@dataclass
class Unit:
    """A department by what was said of it; everything else follows."""

    parent: int | None
    status: int = 1
    is_deleted: bool = False


@dataclass
class Person:
    unit: int = HEAD
    role: int = EMPLOYEE_ID
    status: int = 1
    is_deleted: bool = False


@dataclass
class Model:
    """What ought to be there. Each method returns the refusal, or None and does it."""

    units: dict[int, Unit] = field(default_factory=lambda: {HEAD: Unit(None)})
    people: dict[int, Person] = field(default_factory=dict)

    def line(self, unit: int | None) -> Iterator[int]:
        """A department and all above it."""
        while unit is not None:
            yield unit
            unit = self.units[unit].parent

    def is_on(self, unit: int) -> bool:
        return all(self.units[above].status for above in self.line(unit))

    def path(self, unit: int) -> str:
        return "/" + "/".join(str(above) for above in reversed(list(self.line(unit)))) + "/"

    def administers(self, person: int) -> bool:
        p = self.people[person]
        return p.role == ADMINISTRATOR_ID and self.acts(person)

    def acts(self, person: int) -> bool:
        p = self.people[person]
        return bool(p.status) and not p.is_deleted and self.is_on(p.unit)

    def refusal_of_actor(self, actor: int) -> type[ConsoleError] | None:
        if not self.acts(actor):
            return Unauthenticated
        return None if self.administers(actor) else Forbidden

    def refusal_of_changing(self, actor: int, person: int, **members: Any) -> type[ConsoleError] | None:
        """As anybody, of an account: others are not there for who does not manage them, nor may they change what is
        not theirs to change."""
        refusal = self.refusal_of_actor(actor)
        if refusal is not Forbidden:
            return refusal
        if actor != person:
            return NotFound
        is_as_it_was = all(getattr(self.people[person], name) == value for name, value in members.items())
        return None if is_as_it_was else Forbidden

    def change_unit(self, unit: int, **members: Any) -> type[ConsoleError] | None:
        u = self.units[unit]
        if u.is_deleted:
            return NotFound
        parent = members.get("parent", u.parent)
        if parent != u.parent and parent is not None and (self.units[parent].is_deleted or unit in self.line(parent)):
            return Invalid
        return self._unless_nobody_administers(u, **members)

    def change_person(self, person: int, **members: Any) -> type[ConsoleError] | None:
        p = self.people[person]
        if p.is_deleted:
            return NotFound
        if "unit" in members and members["unit"] != p.unit and self.units[members["unit"]].is_deleted:
            return Invalid
        return self._unless_nobody_administers(p, **members)

    def delete_unit(self, unit: int) -> type[ConsoleError] | None:
        if self.units[unit].is_deleted:
            return NotFound
        below = any(u.parent == unit and not u.is_deleted for u in self.units.values())
        if below or any(p.unit == unit and not p.is_deleted for p in self.people.values()):
            return InUse
        self.units[unit].is_deleted = True
        return None

    def delete_person(self, actor: int, person: int) -> type[ConsoleError] | None:
        if self.people[person].is_deleted:
            return NotFound
        return Forbidden if actor == person else self._unless_nobody_administers(self.people[person], is_deleted=True)

    def _unless_nobody_administers(self, thing: Unit | Person, **members: Any) -> type[ConsoleError] | None:
        before = dict(thing.__dict__)
        thing.__dict__.update(members)
        if any(self.administers(person) for person in self.people):
            return None
        thing.__dict__.update(before)
        return LastAdministrator


index = st.integers(0, 9)
wishes = st.one_of(
    st.tuples(st.just("move"), index, index),
    st.tuples(st.just("turn"), index, st.integers(0, 1)),
    st.tuples(st.just("delete"), index, st.just(0)),
    st.tuples(st.just("put"), index, index),
    st.tuples(st.just("role"), index, st.integers(1, 2)),
    st.tuples(st.just("turn person"), index, st.integers(0, 1)),
    st.tuples(st.just("delete person"), index, st.just(0)),
)
batches = st.lists(st.lists(wishes, min_size=1, max_size=6), min_size=1, max_size=6)


@settings(
    max_examples=40,
    deadline=None,
    # the service and its database are shared by all examples on purpose: each example makes its own departments
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=batches, shape=st.lists(st.integers(0, 4), min_size=5, max_size=5))
@example(plan=[[("put", 1, 4), ("delete", 4, 0), ("put", 1, 3), ("delete", 4, 0)]], shape=[0] * 5)
@example(plan=[[("put", 0, 0), ("turn", 0, 0)]], shape=[0] * 5)
@example(plan=[[("move", 3, 4), ("delete", 4, 0), ("move", 3, 2), ("delete", 4, 0)]], shape=[0] * 5)
async def test_the_tree_and_its_administrators_are_what_a_plain_model_says(
    plan: list[list[tuple[str, int, int]]], shape: list[int], service: QueueService, database: Database
) -> None:
    admin = await the_administrator(service, database)
    model = Model(people={admin: Person(role=ADMINISTRATOR_ID)})
    units, people = await planted(service, model, admin, shape)
    actor = admin
    for batch in plan:
        actor = next(person for person in people if model.administers(person))
        asked = [asking(wish, units, people, actor) for wish in batch]
        found = await outcomes(service, asked)
        for wish, outcome in zip(batch, found, strict=True):
            wanted = expected(wish, units, people, model, actor)
            assert (None if isinstance(outcome, Answer) else type(outcome)) == wanted, (wish, outcome)
        require_stored(database, model)
    await restored(service, model, people)


def asking(wish: tuple[str, int, int], units: list[int], people: list[int], actor: int) -> Command:
    """The command of a wish, whose numbers choose among what there is."""
    kind, one, other = wish
    unit, person = units[one % len(units)], people[one % len(people)]
    target = units[other % len(units)]
    match kind:
        case "move":
            return command("update-department", {"departmentId": unit, "updates": {"parentId": target}}, actor=actor)
        case "turn":
            return command("update-department", {"departmentId": unit, "updates": {"status": other}}, actor=actor)
        case "delete":
            return command("delete-department", {"departmentId": unit}, actor=actor)
        case "put":
            return command("update-user", {"userId": person, "updates": {"departmentId": target}}, actor=actor)
        case "role":
            return command("update-user", {"userId": person, "updates": {"roleId": other}}, actor=actor)
        case "turn person":
            return command("update-user", {"userId": person, "updates": {"status": other}}, actor=actor)
    return command("delete-user", {"userId": person}, actor=actor)


def expected(
    wish: tuple[str, int, int], units: list[int], people: list[int], model: Model, actor: int
) -> type[ConsoleError] | None:
    """What the model says of it."""
    kind, one, other = wish
    unit, person = units[one % len(units)], people[one % len(people)]
    target = units[other % len(units)]
    of_person = {"put": {"unit": target}, "role": {"role": other}, "turn person": {"status": other}}
    if kind in of_person:
        members = of_person[kind]
        return model.refusal_of_changing(actor, person, **members) or model.change_person(person, **members)
    if (refusal := model.refusal_of_actor(actor)) is not None:
        return refusal
    match kind:
        case "move":
            return model.change_unit(unit, parent=target)
        case "turn":
            return model.change_unit(unit, status=other)
        case "delete":
            return model.delete_unit(unit)
    return model.delete_person(actor, person)


async def planted(service: QueueService, model: Model, admin: int, shape: list[int]) -> tuple[list[int], list[int]]:
    """Five departments below one another as the shape says, and two people besides the administrator."""
    units: list[int] = []
    people = [admin]
    for number in shape:
        parent = units[number % len(units)] if units else None
        made = {"name": "a department", "parentId": parent, "status": 1}
        answer: Answer = await service.intake.submit(command("create-department", made, actor=admin))
        units.append(answer.data["id"])
        model.units[units[-1]] = Unit(parent)
    for _ in range(2):
        name = f"{admin}.{units[0]}.{len(people)}"
        new = {"username": name, "realName": name, "departmentId": HEAD, "roleId": EMPLOYEE_ID, "status": 1}
        answer = await service.intake.submit(command("create-user", new | {"passwordHash": A_HASH}, actor=admin))
        people.append(answer.data["id"])
        model.people[people[-1]] = Person()
    return units, people


def require_stored(database: Database, model: Model) -> None:
    """The rows say what the model says, of every department it knows."""
    rows = database.rows("SELECT id, path, enabled, status, parent_id, deleted_at FROM department")
    stored = {
        number: (path, bool(on), bool(status), parent, gone is None) for number, path, on, status, parent, gone in rows
    }
    for number, unit in model.units.items():
        wanted = (model.path(number), model.is_on(number), bool(unit.status), unit.parent, not unit.is_deleted)
        assert stored[number] == wanted, number


async def restored(service: QueueService, model: Model, people: list[int]) -> None:
    """Whoever administers at the end, and somebody does, gives the first one left everything back, who takes the others
    away."""
    actor = next(person for person in people if model.administers(person))
    keeper, *others = [person for person in people if not model.people[person].is_deleted]
    whole = {"departmentId": HEAD, "roleId": ADMINISTRATOR_ID, "status": 1}
    answer = await service.intake.submit(command("update-user", {"userId": keeper, "updates": whole}, actor=actor))
    assert answer.status == 200
    for person in others:
        await service.intake.submit(command("delete-user", {"userId": person}, actor=keeper))


async def the_administrator(service: QueueService, database: Database) -> int:
    """Somebody who administers, and the only one who does."""
    found = database.rows("SELECT id FROM user_table WHERE role_id = 1 AND deletedAt IS NULL")
    if not found:
        return await register(service)
    return int(found[0][0])


async def somebody(
    service: QueueService, admin: int, name: str, *granted: Permission, unit: int = HEAD
) -> tuple[int, int]:
    """An account with a role of its own that grants these: both ids."""
    role = {"name": name, "permissions": [ID_OF[permission] for permission in granted], "status": 1}
    made: Answer = await service.intake.submit(command("create-role", role, actor=admin))
    return await account(service, admin, name, made.data["id"], unit), made.data["id"]


async def account(service: QueueService, admin: int, name: str, role_id: int, unit: int) -> int:
    """An account in a department, with a role; its id."""
    new = {"username": name, "realName": name, "departmentId": unit, "roleId": role_id, "status": 1}
    answer = await service.intake.submit(command("create-user", new | {"passwordHash": A_HASH}, actor=admin))
    return int(answer.data["id"])


async def department(service: QueueService, admin: int) -> int:
    """A new one below the head office; its id."""
    new = {"name": "a department", "parentId": HEAD, "status": 1}
    made: Answer = await service.intake.submit(command("create-department", new, actor=admin))
    return int(made.data["id"])


async def refused(service: QueueService, actor: int, kind: str, data: dict[str, Any]) -> type[Any]:
    """The type of what came of one command."""
    [outcome] = await outcomes(service, [command(kind, data, actor=actor)])
    return type(outcome)


async def test_nobody_hands_on_what_they_do_not_have(service: QueueService) -> None:
    admin = await register(service)
    has = (Permission.USER_MANAGE, Permission.ROLE_MANAGE, Permission.BOARD_VIEW)
    person, own_role = await somebody(service, admin, "manager", *has)
    stronger, strong_role = await somebody(service, admin, "stronger", *has, Permission.TASK_DELETE)
    lacking = ID_OF[Permission.TASK_DELETE]
    new_role = {"name": "new", "permissions": [lacking], "status": 1}
    assert await refused(service, person, "create-role", new_role) is Forbidden
    more = {"roleId": own_role, "updates": {"permissions": [lacking]}}
    assert await refused(service, person, "update-role", more) is Forbidden
    taken_away = {"roleId": strong_role, "updates": {"permissions": []}}
    assert await refused(service, person, "update-role", taken_away) is Forbidden
    assert await refused(service, person, "delete-role", {"roleId": strong_role}) is Forbidden
    for role_id in (strong_role, ADMINISTRATOR_ID):
        own = {"userId": person, "updates": {"roleId": role_id}}
        assert await refused(service, person, "update-user", own) is Forbidden
    for target in (stronger, admin):
        off = {"userId": target, "updates": {"status": 0}}
        assert await refused(service, person, "update-user", off) is Forbidden
        assert (
            await refused(service, person, "update-user", {"userId": target, "updates": {}, "resetHash": A_HASH})
            is Forbidden
        )
        assert await refused(service, person, "delete-user", {"userId": target}) is Forbidden
    # and with what they have, all of it works
    fewer = {"name": "fewer", "permissions": [ID_OF[Permission.BOARD_VIEW]], "status": 1}
    assert await refused(service, person, "create-role", fewer) is Answer
    assert await refused(service, person, "delete-user", {"userId": person}) is Forbidden
    weaker, _ = await somebody(service, admin, "weaker", Permission.BOARD_VIEW)
    assert (
        await refused(service, person, "update-user", {"userId": weaker, "updates": {}, "resetHash": A_HASH}) is Answer
    )


async def test_nobody_changes_a_role_for_people_outside_their_department(service: QueueService) -> None:
    admin = await register(service)
    here, elsewhere = await department(service, admin), await department(service, admin)
    has = (Permission.USER_MANAGE, Permission.ROLE_MANAGE, Permission.BOARD_VIEW, Permission.BOARD_UPDATE)
    person, _ = await somebody(service, admin, "manager", *has, unit=here)
    inside, role_id = await somebody(service, admin, "inside", Permission.BOARD_VIEW, unit=here)
    handing_on = {"roleId": role_id, "updates": {"permissions": [ID_OF[Permission.USER_MANAGE]]}}
    taking_away = {"roleId": role_id, "updates": {"permissions": []}}
    off = {"roleId": role_id, "updates": {"status": 0}}
    assert await refused(service, person, "update-role", handing_on) is Answer
    assert await refused(service, person, "update-role", taking_away) is Answer
    for unit in (HEAD, elsewhere):
        outside = await account(service, admin, f"outside {unit}".replace(" ", "-"), role_id, unit)
        for wanted in (handing_on, taking_away, off):
            assert await refused(service, person, "update-role", wanted) is Forbidden
        assert await refused(service, person, "delete-role", {"roleId": role_id}) is Forbidden, "and no count is told"
        given_in_time = [
            command("update-user", {"userId": outside, "updates": {"departmentId": here}}, actor=admin),
            command("update-role", taking_away, actor=person),
            command("update-user", {"userId": outside, "updates": {"departmentId": unit}}, actor=admin),
            command("update-role", handing_on, actor=person),
            command("delete-user", {"userId": outside}, actor=admin),
            command("update-role", taking_away, actor=person),
        ]
        found = [type(outcome) for outcome in await outcomes(service, given_in_time)]
        assert found == [Answer, Answer, Answer, Forbidden, Answer, Answer], "each sees what came before it in a batch"
    assert await refused(service, person, "delete-role", {"roleId": role_id}) is InUse
    assert await refused(service, person, "delete-user", {"userId": inside}) is Answer
    assert await refused(service, person, "delete-role", {"roleId": role_id}) is Answer


async def test_only_an_administrator_changes_what_newcomers_get(service: QueueService) -> None:
    admin = await register(service)
    has = (Permission.USER_MANAGE, Permission.ROLE_MANAGE, Permission.BOARD_VIEW, Permission.BOARD_UPDATE)
    person, _ = await somebody(service, admin, "manager", *has)
    granted = [ID_OF[permission] for permission in (Permission.BOARD_VIEW, Permission.USER_MANAGE)]
    more = {"roleId": EMPLOYEE_ID, "updates": {"permissions": granted}}
    assert await refused(service, person, "update-role", more) is Forbidden
    assert await refused(service, admin, "update-role", more) is Answer


async def test_nobody_turns_off_an_administrator_with_a_department(service: QueueService) -> None:
    admin = await register(service)
    here, haven = await department(service, admin), await department(service, admin)
    person, _ = await somebody(service, admin, "planner", Permission.DEPARTMENT_MANAGE, unit=here)
    into = {"departmentId": haven, "updates": {"parentId": here}}
    assert await refused(service, admin, "update-department", into) is Answer
    second = await account(service, admin, "second", ADMINISTRATOR_ID, haven)
    off, on = ({"departmentId": haven, "updates": {"status": status}} for status in (0, 1))
    assert await refused(service, person, "update-department", off) is Forbidden
    renamed = {"departmentId": haven, "updates": {"name": "the haven"}}
    assert await refused(service, person, "update-department", renamed) is Answer
    given_in_time = [
        command("update-user", {"userId": second, "updates": {"departmentId": HEAD}}, actor=admin),
        command("update-department", off, actor=person),
        command("update-department", on, actor=person),
        command("update-user", {"userId": second, "updates": {"departmentId": haven}}, actor=admin),
        command("update-department", off, actor=person),
        command("update-department", off, actor=admin),
    ]
    found = [type(outcome) for outcome in await outcomes(service, given_in_time)]
    assert found == [Answer, Answer, Answer, Answer, Forbidden, Answer]


async def test_nobody_registers_into_what_is_turned_off(service: QueueService) -> None:
    admin = await register(service)
    newcomer = {"email": "newcomer@example.com", "passwordHash": A_HASH}
    off, on = ({"roleId": EMPLOYEE_ID, "updates": {"status": status}} for status in (0, 1))
    for change, wanted in ((off, RegistrationClosed), (on, Answer)):
        assert await refused(service, admin, "update-role", change) is Answer
        [outcome] = await outcomes(service, [command("register-user", newcomer)])
        assert type(outcome) is wanted


async def test_no_role_is_called_like_a_built_in_one(service: QueueService) -> None:
    admin = await register(service)
    _, role_id = await somebody(service, admin, "somebody", Permission.BOARD_VIEW)
    for name in ("admin", "Employee"):
        assert (
            await refused(service, admin, "create-role", {"name": name, "permissions": [], "status": 1})
            is RoleNameTaken
        )
        assert (
            await refused(service, admin, "update-role", {"roleId": role_id, "updates": {"name": name}})
            is RoleNameTaken
        )
    own = {"roleId": ADMINISTRATOR_ID, "updates": {"name": "admin"}}
    assert await refused(service, admin, "update-role", own) is Answer


async def test_a_right_that_is_taken_away_holds_no_more_for_the_next_command(service: QueueService) -> None:
    admin = await register(service)
    person, role_id = await somebody(service, admin, "creator", Permission.BOARD_CREATE)
    create = ID_OF[Permission.BOARD_CREATE]

    async def becomes(kind: str, data: dict[str, Any]) -> type[Any]:
        assert await refused(service, admin, kind, data) is Answer
        return await refused(service, person, "create-task", {"title": "x"})

    assert await becomes("update-role", {"roleId": role_id, "updates": {"permissions": []}}) is Forbidden
    assert await becomes("update-role", {"roleId": role_id, "updates": {"permissions": [create]}}) is Answer
    assert await becomes("update-permission", {"permissionId": create, "status": 0}) is Forbidden
    assert await becomes("update-permission", {"permissionId": create, "status": 1}) is Answer
    assert await becomes("update-role", {"roleId": role_id, "updates": {"status": 0}}) is Unauthenticated
    assert await becomes("update-role", {"roleId": role_id, "updates": {"status": 1}}) is Answer


async def test_a_role_that_is_given_after_a_permission_was_turned_off_does_not_grant_it(service: QueueService) -> None:
    admin = await register(service)
    person, _ = await somebody(service, admin, "planner")
    _, role_id = await somebody(service, admin, "departments", Permission.DEPARTMENT_MANAGE)
    new = {"name": "x", "parentId": HEAD, "status": 1}
    manage = ID_OF[Permission.DEPARTMENT_MANAGE]
    for status, wanted in ((0, Forbidden), (1, Answer)):
        in_one_batch = [
            command("update-permission", {"permissionId": manage, "status": status}, actor=admin),
            command("update-user", {"userId": person, "updates": {"roleId": role_id}}, actor=admin),
            command("create-department", new, actor=person),
        ]
        assert [type(outcome) for outcome in await outcomes(service, in_one_batch)] == [Answer, Answer, wanted]
