"""create-user, update-user, delete-user: accounts, by those who manage them and by their owners."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from queue_service.commands.registration import asked_for_an_email
from queue_service.domain.accounts import (
    can_administer,
    granted_role,
    require_administrator_besides,
    require_free,
    require_own_address,
    seen_department,
    user_audit,
)
from queue_service.domain.attempts import cleared, counted, require_unblocked
from queue_service.domain.command import Answer, Command, CommandKind, Decision, Needs
from queue_service.domain.events import user_event
from queue_service.domain.workingset import Change, WorkingSet
from shared.account_commands import NewPassword, NewUser, PasswordCheck, UserPatch, UserRef
from shared.errors import ConsoleError, FieldError, Forbidden, Invalid, NotFound, Unauthenticated, VersionConflict
from shared.model import User, user_view
from shared.organisation import ON, Place, place_in
from shared.permissions import Permission
from shared.policy import has_permission, is_signed_in, may_manage, sees_user
from shared.principal import Principal
from shared.throttling import BY_ACCOUNT

_COLUMN_OF: Final[dict[str, str]] = {
    "username": "username",
    "realName": "real_name",
    "email": "email",
    "phone": "phone",
    "departmentId": "department_id",
    "roleId": "role_id",
    "status": "status",
}
_MAY_DO_MORE: Final = "this account may do more than you may"
_OF_A_MANAGER: Final = frozenset({"username", "departmentId", "roleId", "status"})


def _create(data: NewUser, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """An account in a department that the actor sees, with a role whose permissions they have."""
    actor = working.principal(command.actor_id)
    role = granted_role(working, data.roleId, actor)
    department = seen_department(working, data.departmentId, actor, "departmentId")
    require_own_address(data.username, data.email)
    require_free(working, username=data.username, email=data.email, owner_id=None)
    user = User(
        id=working.ids.next(User),
        email=data.email,
        password=data.passwordHash,
        department_id=department.id,
        version=1,
        created_at=now,
        updated_at=now,
        deleted_at=None,
        session_epoch=1,
        username=data.username,
        real_name=data.realName,
        phone=data.phone,
        role_id=role.id,
        status=data.status,
    )
    place = place_in(role, department)
    return Decision(
        Answer(201, user_view(user, place)),
        [Change(None, user)],
        [user_event("created", command, user, place.path)],
        [user_audit("user.create", None, (user, place), secrets=["password"])],
    )


def _update(data: UserPatch, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Change an account. What signs in to it, its e-mail and its password, changes its owner by showing the password;
    its name, department, role and status, and everything of others, who manages accounts."""
    actor = working.principal(command.actor_id)
    before, seen = _visible(data.userId, command, actor, working)
    members = _allowed(data, before, seen, actor)
    if data.check is not None and not data.check.isRight:
        return _wrong_password(data.check, working, now)
    changes = _checked(data, before, command, working, now)
    place = _new_place(data, before, seen, actor, working)
    after = replace(before, **members, version=before.version + 1, updated_at=now)
    if after.email != before.email:
        changes += asked_for_an_email(data.registrations, working, now)
        if before.username == before.email and after.email and "username" not in data.updates.model_fields_set:
            after = replace(after, username=after.email)
    if after.username != before.username:
        require_own_address(after.username, after.email)
    try:
        require_free(working, username=after.username, email=after.email, owner_id=before.id)
    except ConsoleError as taken:
        return Decision(taken, changes)  # it is counted that they asked
    if data.newPassword is not None:
        changes += [_kept_session(data.newPassword, before, seen, command, working, now)]
    new_hash = data.newPassword.passwordHash if data.newPassword else data.resetHash
    if new_hash is not None:
        after = replace(after, password=new_hash)
    if new_hash is not None or (before.status == ON and after.status != ON):
        after = replace(after, session_epoch=before.session_epoch + 1)
    if can_administer(before, seen) and not can_administer(after, place):
        require_administrator_besides(working, users=[before.id])
    secrets = ["password"] if new_hash is not None else []
    return Decision(
        Answer(200, user_view(after, place)),
        [*changes, Change(before, after)],
        [user_event("updated", command, after, place.path, path_before=seen.path)],
        [user_audit("user.update", (before, seen), (after, place), secrets=secrets)],
    )


def _delete(data: UserRef, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Take an account away, and every sign-in of it. The row stays, and so do its names: nobody else gets them."""
    actor = working.principal(command.actor_id)
    before, place = _visible(data.userId, command, actor, working)
    if actor is not None and actor.id == before.id:
        raise Forbidden("nobody deletes their own account")
    if actor is not None and not may_manage(actor, place):
        raise Forbidden(_MAY_DO_MORE)
    if can_administer(before, place):
        require_administrator_besides(working, users=[before.id])
    after = replace(
        before,
        deleted_at=now,
        session_epoch=before.session_epoch + 1,
        version=before.version + 1,
        updated_at=now,
    )
    return Decision(
        Answer(200, user_view(after, place)),
        [Change(before, after)],
        [user_event("deleted", command, after, place.path)],
        [user_audit("user.delete", (before, place), None)],
    )


def _visible(user_id: int, command: Command, actor: Principal | None, working: WorkingSet) -> tuple[User, Place]:
    """The account as the actor sees it now. Raises NotFound, and VersionConflict with the current account."""
    user = working.users.get(user_id)
    if user is None or user.deleted_at is not None:
        raise NotFound
    place = working.places[user_id]
    if actor is not None and not sees_user(actor, user, place.path):
        raise NotFound
    if command.expected_version is not None and command.expected_version != user.version:
        raise VersionConflict(extra={"current": user_view(user, place)})
    return user, place


def _allowed(data: UserPatch, user: User, place: Place, actor: Principal | None) -> dict[str, Any]:
    """The columns to write. Raises Forbidden, and Invalid when there is nothing to change."""
    given = data.updates.model_fields_set
    if not given and data.newPassword is None and data.check is None and data.resetHash is None:
        raise Invalid(errors=[FieldError("updates", "names nothing to change")])
    written = {_COLUMN_OF[name]: getattr(data.updates, name) for name in given}
    # what is written as it is already asks for no right
    changed = {name for name in given if written[_COLUMN_OF[name]] != getattr(user, _COLUMN_OF[name])}
    if actor is not None:
        manages = has_permission(actor, Permission.USER_MANAGE)
        if changed & _OF_A_MANAGER and not manages:
            raise Forbidden
        if actor.id != user.id and not may_manage(actor, place):
            raise Forbidden(_MAY_DO_MORE)
        if data.resetHash is not None and (actor.id == user.id or not manages):
            raise Forbidden
    return written


def _new_place(data: UserPatch, user: User, seen: Place, actor: Principal | None, working: WorkingSet) -> Place:
    """Where the account stands after the change."""
    given = data.updates.model_fields_set
    place = seen
    if "roleId" in given and data.updates.roleId != user.role_id:
        place = place.with_role(granted_role(working, data.updates.roleId, actor))
    if "departmentId" in given and data.updates.departmentId != user.department_id:
        place = place.in_department(seen_department(working, data.updates.departmentId, actor, "departmentId"))
    return place


def _is_new_email(data: UserPatch, user: User) -> bool:
    return "email" in data.updates.model_fields_set and user.email != data.updates.email


def _wrong_password(check: PasswordCheck, working: WorkingSet, now: datetime) -> Decision:
    """Only here, behind the stored answers: what repeats a change of the password names the one before it."""
    require_unblocked(working, [check.subject], now)
    wrong = FieldError("currentPassword", "is not the password of this account")
    return Decision(Invalid(errors=[wrong]), [counted(working, check.subject, BY_ACCOUNT, now)])


def _checked(data: UserPatch, user: User, command: Command, working: WorkingSet, now: datetime) -> list[Change]:
    """What a right password changes: it forgives the wrong ones. Raises Forbidden where one was needed and not shown,
    TooManyAttempts, and Unauthenticated when it holds no more."""
    if data.check is None:
        if (command.actor_id == user.id and _is_new_email(data, user)) or data.newPassword is not None:
            raise Forbidden("your own e-mail and password are changed by showing the password: PATCH /api/users/{id}")
        return []
    require_unblocked(working, [data.check.subject], now)
    if data.check.userEpoch != user.session_epoch:
        raise Unauthenticated  # the password that was shown is the one before this one
    return cleared(working, data.check.subject, now)


def _kept_session(
    new: NewPassword, user: User, place: Place, command: Command, working: WorkingSet, now: datetime
) -> Change:
    """The session the password is changed in goes on under the new epoch, which ends all the others."""
    if command.actor_id != user.id:
        raise Forbidden
    session = working.sessions.get(new.sessionId)
    if session is None or session.user_id != user.id or not is_signed_in(session, user, place, now):
        raise Unauthenticated
    after = replace(session, user_epoch=user.session_epoch + 1, version=session.version + 1, updated_at=now)
    return Change(session, after)


def _names(*given: str | None) -> frozenset[str]:
    return frozenset(name for name in given if name)


def _needs_of_update(data: UserPatch) -> Needs:
    given, new = data.updates.model_fields_set, data.newPassword
    counts = (data.check, data.registrations)
    return Needs(
        changed_user_ids=frozenset({data.userId}),
        login_names=_names(*(getattr(data.updates, name) for name in given & {"username", "email"})),
        session_ids=frozenset({new.sessionId}) if new else frozenset(),
        throttle_subjects=frozenset(count.subject for count in counts if count is not None),
        department_ids=frozenset({data.updates.departmentId}) if "departmentId" in given else frozenset(),
        role_ids=frozenset({data.updates.roleId}) if "roleId" in given else frozenset(),
        whether_administrators_remain=bool(given & _OF_A_MANAGER),
    )


CREATE_USER: Final = CommandKind(
    name="create-user",
    lane="access",
    permission=Permission.USER_MANAGE,
    data=NewUser,
    needs=lambda data: Needs(
        login_names=_names(data.username, data.email),
        department_ids=frozenset({data.departmentId}),
        role_ids=frozenset({data.roleId}),
    ),
    decide=_create,
)

UPDATE_USER: Final = CommandKind(
    name="update-user",
    lane="access",
    permission=None,
    data=UserPatch,
    needs=_needs_of_update,
    decide=_update,
)

DELETE_USER: Final = CommandKind(
    name="delete-user",
    lane="access",
    permission=Permission.USER_MANAGE,
    data=UserRef,
    needs=lambda data: Needs(
        changed_user_ids=frozenset({data.userId}),
        whether_administrators_remain=True,
    ),
    decide=_delete,
)
