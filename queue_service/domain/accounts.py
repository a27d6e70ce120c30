"""Rules that every command about an account keeps: names are unique, nobody grants what they do not have, somebody can
always administer."""

from collections.abc import Collection, Sequence

from queue_service.domain.command import Audit
from queue_service.domain.workingset import WorkingSet
from shared.errors import EmailTaken, FieldError, Forbidden, Invalid, LastAdministrator, UsernameTaken
from shared.model import User, user_view
from shared.organisation import Department, Place, Role
from shared.policy import may_grant, sees_department
from shared.principal import Principal, principal_of

Person = tuple[User, Place]


def require_free(working: WorkingSet, *, username: str | None, email: str | None, owner_id: int | None) -> None:
    """Raise UsernameTaken or EmailTaken for a login name that somebody else has, as either of the two."""
    for name, taken in ((email, EmailTaken), (username, UsernameTaken)):
        holder = working.by_name.get(name) if name else None
        if holder is not None and holder.id != owner_id:
            raise taken


def require_own_address(username: str, email: str | None) -> None:
    """Raise Invalid for a user name that looks like an e-mail and is not the account's own: it would be somebody
    else's name the day they register."""
    if "@" in username and username != email:
        raise Invalid(errors=[FieldError("username", "may hold an @ only where it is the account's own e-mail")])


def granted_role(working: WorkingSet, role_id: int, actor: Principal | None) -> Role:
    """The role to give to somebody. Raises Invalid for one that is not there, Forbidden for one the actor may not
    give."""
    role = working.roles.get(role_id)
    if role is None or role.deleted_at is not None:
        raise Invalid(errors=[FieldError("roleId", "names no role")])
    if actor is not None and not may_grant(actor, role):
        raise Forbidden("you may only give a role whose permissions you have yourself")
    return role


def seen_department(working: WorkingSet, department_id: int, actor: Principal | None, field: str) -> Department:
    """A department that a member names. Raises Invalid for one that is absent, or that the actor does not see."""
    department = working.departments.get(department_id)
    if (
        department is None
        or department.deleted_at is not None
        or (actor is not None and not sees_department(actor, department.path))
    ):
        raise Invalid(errors=[FieldError(field, "names no department")])
    return department


def require_administrator_besides(
    working: WorkingSet, *, users: Collection[int] = (), departments: Collection[int] = ()
) -> None:
    """Raise LastAdministrator if nobody could administer without these accounts, and those in these departments."""
    off = working.departments_off.union(departments)
    left = [i for i, department_id in working.administrators.items() if i not in users and department_id not in off]
    if working.administrators and not left:
        raise LastAdministrator


def can_administer(user: User, place: Place) -> bool:
    """Whether an account is an administrator who may act."""
    return principal_of(user, place).is_global


def user_audit(action: str, before: Person | None, after: Person | None, *, secrets: Sequence[str] = ()) -> Audit:
    """The record of a change of an account. `secrets` names what was changed and is not shown."""
    shown = {name: user_view(*person) for name, person in (("before", before), ("after", after)) if person is not None}
    if after is not None:
        shown["after"] |= dict.fromkeys(secrets, "***")
    view = shown.get("after") or shown["before"]
    return Audit(action, "user", view["id"], view["departmentId"], shown.get("before"), shown.get("after"))
