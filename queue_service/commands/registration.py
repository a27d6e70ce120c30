"""register-user and ensure-administrator: how accounts come to be without somebody who manages them. A node, or whoever
starts the queue service, hashed the password; only the hash comes here."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from queue_service.domain.accounts import user_audit
from queue_service.domain.attempts import counted, require_unblocked
from queue_service.domain.command import Answer, Command, CommandKind, Decision, Needs
from queue_service.domain.events import user_event
from queue_service.domain.sessions import opened, session_answer
from queue_service.domain.workingset import Change, WorkingSet
from shared.account_commands import FirstAdministrator, Registration, Registrations
from shared.errors import EmailTaken, RegistrationClosed
from shared.model import User, user_view
from shared.organisation import ADMINISTRATOR_ID, EMPLOYEE_ID, HEAD_OFFICE_ID, ON, place_in
from shared.principal import is_effective
from shared.throttling import hourly

_PLACES: Final = Needs(department_ids=frozenset({HEAD_OFFICE_ID}), role_ids=frozenset({ADMINISTRATOR_ID, EMPLOYEE_ID}))


def _register(data: Registration, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """The very first account is the administrator; the access lane is one, so there is one first."""
    changes = asked_for_an_email(data.registrations, working, now)
    if data.email in working.by_name:
        return Decision(EmailTaken(), changes)
    user = _newcomer(
        working,
        username=data.email,
        email=data.email,
        real_name=data.email.partition("@")[0],
        password=data.passwordHash,
        role_id=EMPLOYEE_ID if working.anyone_is_registered else ADMINISTRATOR_ID,
        now=now,
    )
    place = place_in(working.roles[user.role_id], working.departments[user.department_id])
    if not is_effective(user, place):
        raise RegistrationClosed("what newcomers belong to is turned off")
    changes += [Change(None, user)]
    answer: dict[str, Any] = {"user": user_view(user, place)}
    if data.session is not None:
        session = opened(working, user, data.session, now)
        changes += [Change(None, session)]
        answer["session"] = session_answer(session)
    return Decision(
        Answer(201, answer),
        changes,
        [user_event("created", command, user, place.path)],
        [user_audit("user.register", None, (user, place))],
    )


def _ensure(data: FirstAdministrator, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """An administrator of this name, made once. A name that is taken is left to whoever has it, as they are."""
    if data.username in working.by_name:
        return Decision(Answer(200, {}), [])
    email = data.username if "@" in data.username else None
    user = _newcomer(
        working,
        username=data.username,
        email=email,
        real_name="系统管理员",
        password=data.passwordHash,
        role_id=ADMINISTRATOR_ID,
        now=now,
    )
    place = place_in(working.roles[user.role_id], working.departments[user.department_id])
    return Decision(
        Answer(201, {"user": user_view(user, place)}),
        [Change(None, user)],
        [user_event("created", command, user, place.path)],
        [user_audit("user.register", None, (user, place))],
    )


def asked_for_an_email(registrations: Registrations | None, working: WorkingSet, now: datetime) -> list[Change]:
    """Count it whether the e-mail is free or not: these are the places that tell. Raises TooManyAttempts."""
    if registrations is None:
        return []
    require_unblocked(working, [registrations.subject], now)
    return [counted(working, registrations.subject, hourly(registrations.free), now)]


def _newcomer(
    working: WorkingSet,
    *,
    username: str,
    email: str | None,
    real_name: str,
    password: str,
    role_id: int,
    now: datetime,
) -> User:
    return User(
        id=working.ids.next(User),
        email=email,
        password=password,
        department_id=HEAD_OFFICE_ID,
        version=1,
        created_at=now,
        updated_at=now,
        deleted_at=None,
        session_epoch=1,
        username=username,
        real_name=real_name,
        phone=None,
        role_id=role_id,
        status=ON,
    )


def _needs_of_registration(data: Registration) -> Needs:
    subjects = frozenset({data.registrations.subject}) if data.registrations else frozenset()
    return replace(
        _PLACES,
        login_names=frozenset({data.email}),
        throttle_subjects=subjects,
        whether_anyone_is_registered=True,
    )


REGISTER_USER: Final = CommandKind(
    name="register-user",
    lane="access",
    permission=None,
    data=Registration,
    needs=_needs_of_registration,
    decide=_register,
    is_open=True,
)

ENSURE_ADMINISTRATOR: Final = CommandKind(
    name="ensure-administrator",
    lane="access",
    permission=None,
    data=FirstAdministrator,
    needs=lambda data: replace(_PLACES, login_names=frozenset({data.username})),
    decide=_ensure,
    is_for_the_system=True,
)
