"""open-session and note-failed-sign-in: what becomes of a password that a node has checked.

The node reads the throttles before it spends an argon2 run; the verdict falls here, in order. Once a block begins, the
right password is answered like a wrong one, so a burst of guesses learns nothing from those past the allowance.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from queue_service.domain.attempts import cleared, counted, require_unblocked
from queue_service.domain.command import Answer, Command, CommandKind, Decision, Needs
from queue_service.domain.sessions import opened, session_answer
from queue_service.domain.workingset import Change, WorkingSet
from shared.account_commands import FailedSignIn, OpenSession, SignInSubjects
from shared.errors import BadCredentials
from shared.model import user_view
from shared.principal import is_effective
from shared.throttling import BY_ACCOUNT, BY_ADDRESS


def _open(data: OpenSession, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Sign somebody in. What failed before is forgiven the account, not the address: whoever guesses at the accounts of
    others has one of their own."""
    require_unblocked(working, _all(data.subjects), now)
    user = working.users.get(data.userId)
    if user is None or not is_effective(user, working.places[user.id]) or user.session_epoch != data.userEpoch:
        raise BadCredentials  # gone, turned off, or given another password, since the node looked
    session = opened(working, user, data.session, now)
    changes = [Change(None, session), *cleared(working, data.subjects.account, now)]
    if data.newHash is not None:
        # nothing that anybody sees has changed, so the version has not
        changes.append(Change(user, replace(user, password=data.newHash)))
    return Decision(
        Answer(200, {"user": user_view(user, working.places[user.id]), "session": session_answer(session)}), changes
    )


def _note_failure(data: FailedSignIn, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Count it against the account that was named, whether there is one or not, and against the address."""
    require_unblocked(working, _all(data.subjects), now)
    changes = [
        counted(working, data.subjects.account, BY_ACCOUNT, now),
        counted(working, data.subjects.address, BY_ADDRESS, now),
    ]
    return Decision(BadCredentials(), changes)


def _all(subjects: SignInSubjects) -> tuple[str, str]:
    return subjects.account, subjects.address


def _needs_throttles(data: OpenSession | FailedSignIn) -> frozenset[str]:
    return frozenset(_all(data.subjects))


def _needs_of_opening(data: OpenSession) -> Needs:
    user = frozenset({data.userId})
    of_user = Needs(changed_user_ids=user) if data.newHash else Needs(user_ids=user)
    return replace(of_user, throttle_subjects=_needs_throttles(data))


OPEN_SESSION: Final = CommandKind(
    name="open-session",
    lane="access",
    permission=None,
    data=OpenSession,
    needs=_needs_of_opening,
    decide=_open,
    is_open=True,
)

NOTE_FAILED_SIGN_IN: Final = CommandKind(
    name="note-failed-sign-in",
    lane="access",
    permission=None,
    data=FailedSignIn,
    needs=lambda data: Needs(throttle_subjects=_needs_throttles(data)),
    decide=_note_failure,
    is_open=True,
)
