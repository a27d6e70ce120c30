"""create-user and update-user: accounts. The node hashed the password; only the hash comes here."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from queue_service.domain.attempts import cleared, counted, require_unblocked
from queue_service.domain.command import Answer, Command, CommandKind, Decision, Needs
from queue_service.domain.events import user_event
from queue_service.domain.sessions import opened, session_answer
from queue_service.domain.workingset import Change, WorkingSet
from shared.account_commands import NewPassword, NewUser, PasswordCheck, Registrations, UserPatch
from shared.errors import (
    EmailTaken,
    FieldError,
    Forbidden,
    Invalid,
    LastAdministrator,
    NotFound,
    Unauthenticated,
    VersionConflict,
)
from shared.model import HEAD_OFFICE_ID, User, user_view
from shared.policy import Permission, has_permission, is_signed_in, sees_user
from shared.throttling import BY_ACCOUNT, hourly


def _register(data: NewUser, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """The very first account is the administrator; the access lane is one, so there is one first."""
    changes = _asked_for_an_email(data.registrations, working, now)
    if data.email in working.by_email:
        return Decision(EmailTaken(), changes)
    user = User(
        id=working.ids.next(User),
        email=data.email,
        password=data.passwordHash,
        role="employee" if working.anyone_is_registered else "admin",
        department_id=HEAD_OFFICE_ID,
        version=1,
        created_at=now,
        updated_at=now,
        deleted_at=None,
    )
    changes += [Change(None, user)]
    answer: dict[str, Any] = {"user": user_view(user)}
    if data.session is not None:
        session = opened(working, user, data.session, now)
        changes += [Change(None, session)]
        answer["session"] = session_answer(session)
    return Decision(Answer(201, answer), changes, [user_event("user.created", command, user)])


def _update(data: UserPatch, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Change an account: the e-mail by its owner or an administrator, the role by an administrator, the password by its
    owner alone."""
    before = _visible_user(data.userId, command, working)
    members = _allowed_members(data, before, command, working)
    if data.check is not None and not data.check.isRight:
        return _wrong_password(data.check, working, now)
    changes = _checked(data, before, command, working, now)
    if "email" in members and before.email != data.updates.email:
        changes += _asked_for_an_email(data.registrations, working, now)
        if data.updates.email in working.by_email:
            return Decision(EmailTaken(), changes)
    if data.newPassword is not None:
        changes += [_kept_session(data.newPassword, before, command, working, now)]
        members |= {"password": data.newPassword.passwordHash, "session_epoch": before.session_epoch + 1}
    after = replace(before, **members, version=before.version + 1, updated_at=now)
    if after.role != "admin" and before.role == "admin" and not working.administrators - {before.id}:
        raise LastAdministrator
    return Decision(
        Answer(200, user_view(after)), [*changes, Change(before, after)], [user_event("user.updated", command, after)]
    )


def _visible_user(user_id: int, command: Command, working: WorkingSet) -> User:
    """The account as the actor sees it now. Raises NotFound, and VersionConflict with the current account."""
    user = working.users.get(user_id)
    if user is None or user.deleted_at is not None:
        raise NotFound
    if command.actor_id is not None and not sees_user(working.users[command.actor_id], user):
        raise NotFound
    if command.expected_version is not None and command.expected_version != user.version:
        raise VersionConflict(extra={"current": user_view(user)})
    return user


def _allowed_members(data: UserPatch, user: User, command: Command, working: WorkingSet) -> dict[str, Any]:
    """The members to write. Raises Forbidden, and Invalid when there is nothing to change."""
    given = data.updates.model_fields_set
    if not given and data.newPassword is None and data.check is None:
        raise Invalid(errors=[FieldError("updates", "names nothing to change")])
    actor = working.users[command.actor_id] if command.actor_id is not None else None
    if "role" in given and actor is not None and not has_permission(actor, Permission.USER_MANAGE):
        raise Forbidden
    return {name: getattr(data.updates, name) for name in given}


def _asked_for_an_email(registrations: Registrations | None, working: WorkingSet, now: datetime) -> list[Change]:
    """Count it whether the e-mail is free or not: these are the places that tell. Raises TooManyAttempts."""
    if registrations is None:
        return []
    require_unblocked(working, [registrations.subject], now)
    return [counted(working, registrations.subject, hourly(registrations.free), now)]


def _wrong_password(check: PasswordCheck, working: WorkingSet, now: datetime) -> Decision:
    """Only here, behind the stored answers: what repeats a change of the password names the one before it."""
    require_unblocked(working, [check.subject], now)
    wrong = FieldError("currentPassword", "is not the password of this account")
    return Decision(Invalid(errors=[wrong]), [counted(working, check.subject, BY_ACCOUNT, now)])


def _checked(data: UserPatch, user: User, command: Command, working: WorkingSet, now: datetime) -> list[Change]:
    """What a right password changes: it forgives the wrong ones. Raises Forbidden where one was needed and not shown,
    TooManyAttempts, and Unauthenticated when it holds no more."""
    if data.check is None:
        is_needed = command.actor_id == user.id and "email" in data.updates.model_fields_set
        if is_needed or data.newPassword is not None:
            raise Forbidden
        return []
    require_unblocked(working, [data.check.subject], now)
    if data.check.userEpoch != user.session_epoch:
        raise Unauthenticated  # the password that was shown is the one before this one
    return cleared(working, data.check.subject, now)


def _kept_session(new: NewPassword, user: User, command: Command, working: WorkingSet, now: datetime) -> Change:
    """The session the password is changed in goes on under the new epoch, which ends all the others."""
    if command.actor_id != user.id:
        raise Forbidden
    session = working.sessions.get(new.sessionId)
    if session is None or session.user_id != user.id or not is_signed_in(session, user, now):
        raise Unauthenticated
    after = replace(session, user_epoch=user.session_epoch + 1, version=session.version + 1, updated_at=now)
    return Change(session, after)


def _needs_of_registration(data: NewUser) -> Needs:
    subjects = frozenset({data.registrations.subject}) if data.registrations else frozenset()
    return Needs(emails=frozenset({data.email}), throttle_subjects=subjects, whether_anyone_is_registered=True)


def _needs_of_update(data: UserPatch) -> Needs:
    given, new = data.updates.model_fields_set, data.newPassword
    counts = (data.check, data.registrations)
    return Needs(
        changed_user_ids=frozenset({data.userId}),
        emails=frozenset({data.updates.email}) if "email" in given else frozenset(),
        session_ids=frozenset({new.sessionId}) if new else frozenset(),
        throttle_subjects=frozenset(count.subject for count in counts if count is not None),
        whether_administrators_remain="role" in given and data.updates.role != "admin",
    )


CREATE_USER: Final = CommandKind(
    name="create-user",
    lane="access",
    permission=None,
    data=NewUser,
    needs=_needs_of_registration,
    decide=_register,
    is_open=True,
)

UPDATE_USER: Final = CommandKind(
    name="update-user",
    lane="access",
    permission=None,
    data=UserPatch,
    needs=_needs_of_update,
    decide=_update,
)
