"""create-user and update-user: accounts. The node hashed the password; only the hash comes here."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from queue_service.domain.attempts import counted, require_unblocked
from queue_service.domain.command import Answer, Command, CommandKind, Decision, Needs
from queue_service.domain.events import user_event
from queue_service.domain.sessions import opened, session_answer
from queue_service.domain.workingset import Change, WorkingSet
from shared.account_commands import NewPassword, NewUser, UserPatch
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


def _register(data: NewUser, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """The very first account is the administrator; the access lane is one, so there is one first."""
    changes: list[Change] = []
    if data.registrations is not None:
        # counted whether it succeeds or not: this is the one place that tells whether an address is registered
        require_unblocked(working, [data.registrations.subject], now)
        changes += [counted(working, data.registrations.subject, free=data.registrations.free, now=now)]
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
    changes: list[Change] = []
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
    """The members to write. Raises Forbidden, EmailTaken, and Invalid when there is nothing to change."""
    given = data.updates.model_fields_set
    if not given and data.newPassword is None:
        raise Invalid(errors=[FieldError("updates", "names nothing to change")])
    actor = working.users[command.actor_id] if command.actor_id is not None else None
    if "role" in given and actor is not None and not has_permission(actor, Permission.USER_MANAGE):
        raise Forbidden
    if "email" in given and data.updates.email != user.email and data.updates.email in working.by_email:
        raise EmailTaken
    return {name: getattr(data.updates, name) for name in given}


def _kept_session(new: NewPassword, user: User, command: Command, working: WorkingSet, now: datetime) -> Change:
    """The session the password is changed in goes on under the new epoch, which ends all the others."""
    require_unblocked(working, (new.subjects.account, new.subjects.address), now)
    if command.actor_id != user.id:
        raise Forbidden
    session = working.sessions.get(new.sessionId)
    if session is None or session.user_id != user.id or not is_signed_in(session, user, now):
        raise Unauthenticated
    if new.userEpoch != user.session_epoch:
        raise Unauthenticated  # the password that was shown is the one before this one
    after = replace(session, user_epoch=user.session_epoch + 1, version=session.version + 1, updated_at=now)
    return Change(session, after)


def _needs_of_registration(data: NewUser) -> Needs:
    subjects = frozenset({data.registrations.subject}) if data.registrations else frozenset()
    return Needs(emails=frozenset({data.email}), throttle_subjects=subjects, whether_anyone_is_registered=True)


def _needs_of_update(data: UserPatch) -> Needs:
    given, new = data.updates.model_fields_set, data.newPassword
    return Needs(
        changed_user_ids=frozenset({data.userId}),
        emails=frozenset({data.updates.email}) if "email" in given else frozenset(),
        session_ids=frozenset({new.sessionId}) if new else frozenset(),
        throttle_subjects=frozenset({new.subjects.account, new.subjects.address}) if new else frozenset(),
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
