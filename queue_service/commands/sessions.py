"""refresh-session and end-session: the life of a sign-in after it was opened (docs/adr/0015)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from queue_service.domain.accounts import user_audit
from queue_service.domain.command import Answer, Audit, Command, CommandKind, Decision, Needs
from queue_service.domain.events import session_ended, user_event
from queue_service.domain.sessions import ended, session_answer
from queue_service.domain.workingset import Change, WorkingSet
from shared.account_commands import EndSession, RefreshSession
from shared.errors import TokenReused, TokenSuperseded, Unauthenticated
from shared.model import User, UserSession
from shared.policy import is_signed_in

SUPERSEDED_FOR: Final = timedelta(seconds=10)
"""How long after a rotation an older token is taken for another tab's, not for a thief's."""


def _refresh(data: RefreshSession, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """The next token of a family. An older token of the same family ends it, unless the family
    was rotated a moment ago: of three tabs, one may be two tokens behind."""
    session, user = working.sessions.get(data.sessionId), working.users.get(data.userId)
    if session is None or user is None or session.user_id != user.id or session.family_hash != data.familyHash:
        raise Unauthenticated  # not of this family, so it says nothing about it
    is_over = not is_signed_in(session, user, working.places[user.id], now)
    if data.tokenHash != session.current_hash:
        return _outdated(command, session, user, is_over=is_over, now=now)
    if is_over:
        raise Unauthenticated
    after = replace(
        session,
        current_hash=data.nextHash,
        rotated_at=now,
        version=session.version + 1,
        updated_at=now,
    )
    return Decision(Answer(200, {"session": session_answer(after)}), [Change(session, after)])


def _outdated(command: Command, session: UserSession, user: User, *, is_over: bool, now: datetime) -> Decision:
    if is_over:
        raise TokenReused
    if session.rotated_at is not None and now - session.rotated_at <= SUPERSEDED_FOR:
        raise TokenSuperseded
    after = ended(session, now)
    return Decision(
        TokenReused(), [Change(session, after)], [session_ended(command, after)], [_reuse_audit(session, user)]
    )


def _reuse_audit(session: UserSession, user: User) -> Audit:
    return Audit("session.token-reused", "session", session.id, user.department_id, {"userId": user.id}, None)


def _end(data: EndSession, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Sign out, here or everywhere. What is over is left as it is; but only who is signed in may end the rest."""
    session, user = working.sessions.get(data.sessionId), working.users.get(data.userId)
    if session is None or user is None or session.user_id != user.id or command.actor_id != user.id:
        raise Unauthenticated
    place = working.places[user.id]
    is_over = not is_signed_in(session, user, place, now)
    if not data.everywhere:
        over = [] if is_over else [ended(session, now)]
        changes, events = [Change(session, after) for after in over], [session_ended(command, after) for after in over]
        return Decision(Answer(200, {}), changes, events)
    if is_over:
        raise Unauthenticated
    signed_out = replace(user, session_epoch=user.session_epoch + 1, version=user.version + 1, updated_at=now)
    return Decision(
        Answer(200, {}),
        [Change(user, signed_out)],
        [user_event("updated", command, signed_out, place.path)],
        [user_audit("user.sign-out-everywhere", (user, place), (signed_out, place))],
    )


REFRESH_SESSION: Final = CommandKind(
    name="refresh-session",
    lane="access",
    permission=None,
    data=RefreshSession,
    needs=lambda data: Needs(session_ids=frozenset({data.sessionId}), user_ids=frozenset({data.userId})),
    decide=_refresh,
    is_open=True,
)

END_SESSION: Final = CommandKind(
    name="end-session",
    lane="access",
    permission=None,
    data=EndSession,
    needs=lambda data: Needs(session_ids=frozenset({data.sessionId}), changed_user_ids=frozenset({data.userId})),
    decide=_end,
)
