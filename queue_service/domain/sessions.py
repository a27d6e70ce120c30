"""What a sign-in is made of, and what the node is told of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from queue_service.domain.workingset import WorkingSet
from shared.account_commands import NewSession
from shared.clock import iso
from shared.model import User, UserSession


def opened(working: WorkingSet, user: User, new: NewSession, now: datetime) -> UserSession:
    """A new sign-in of a person, under their epoch of this moment."""
    return UserSession(
        id=working.ids.next(UserSession),
        user_id=user.id,
        user_epoch=user.session_epoch,
        family_hash=new.familyHash,
        current_hash=new.tokenHash,
        rotated_at=None,
        expires_at=now + timedelta(seconds=new.lifeS),
        ended_at=None,
        version=1,
        created_at=now,
        updated_at=now,
    )


def ended(session: UserSession, now: datetime) -> UserSession:
    """The sign-in, over."""
    return replace(session, ended_at=now, version=session.version + 1, updated_at=now)


def session_answer(session: UserSession) -> dict[str, Any]:
    """What the node needs to make the tokens. The hash tells it whether the secret it made is the one that was stored:
    after a replay it is not."""
    return {
        "id": session.id,
        "userId": session.user_id,
        "userEpoch": session.user_epoch,
        "expiresAt": iso(session.expires_at),
        "tokenHash": session.current_hash,
    }
