"""What the event stream says of people and sign-ins."""

from queue_service.domain.command import Command, Event
from shared.model import User, UserSession


def user_event(event_type: str, command: Command, user: User) -> Event:
    """An account was made or changed."""
    return Event(
        {
            "type": event_type,
            "entity": "user",
            "id": user.id,
            "version": user.version,
            "departmentId": user.department_id,
            "actorId": command.actor_id,
            "requestId": command.request_id,
        }
    )


def session_ended(command: Command, session: UserSession) -> Event:
    """A sign-in is over before its time."""
    return Event(
        {
            "type": "session.ended",
            "entity": "session",
            "id": session.id,
            "version": session.version,
            "userId": session.user_id,
            "actorId": command.actor_id,
            "requestId": command.request_id,
        }
    )
