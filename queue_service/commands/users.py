"""create-user: one account. The node hashed the password; only the hash comes here."""

from datetime import datetime
from typing import Final

from queue_service.domain.command import Answer, Command, CommandKind, Decision, Event, Needs
from queue_service.domain.workingset import Change, WorkingSet
from shared.commands import NewUser
from shared.errors import EmailTaken
from shared.model import HEAD_OFFICE_ID, User, user_view


def _register(data: NewUser, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """The very first account is the administrator; the access lane is one, so there is one first."""
    if data.email in working.by_email:
        raise EmailTaken
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
    event = Event(
        {
            "type": "user.created",
            "entity": "user",
            "id": user.id,
            "version": user.version,
            "departmentId": user.department_id,
            "actorId": command.actor_id,
            "requestId": command.request_id,
        }
    )
    return Decision(Answer(201, {"user": user_view(user)}), [Change(None, user)], [event])


CREATE_USER: Final = CommandKind(
    name="create-user",
    lane="access",
    permission=None,
    data=NewUser,
    needs=lambda data: Needs(emails=frozenset({data.email}), whether_anyone_is_registered=True),
    decide=_register,
)
