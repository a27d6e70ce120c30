"""Counting attempts within a batch. The access lane is one, so attempts made at once are judged one after the other:
a burst gains no more guesses than the same attempts in a row."""

from collections.abc import Collection
from datetime import datetime

from queue_service.domain.workingset import Change, WorkingSet
from shared.errors import TooManyAttempts
from shared.model import Throttle
from shared.throttling import Allowance, after_failure, blocked_for_s, forgiven


def require_unblocked(working: WorkingSet, subjects: Collection[str], now: datetime) -> None:
    """Raise TooManyAttempts, with the time to wait, if any of the subjects is blocked."""
    found = [working.throttles[subject] for subject in subjects if subject in working.throttles]
    if wait_s := blocked_for_s(found, now):
        raise TooManyAttempts(retry_after_s=wait_s)


def counted(working: WorkingSet, subject: str, allowance: Allowance, now: datetime) -> Change:
    """One more failure of a subject."""
    before = working.throttles.get(subject)
    row = before or Throttle(working.ids.next(Throttle), subject, 0, None, 0, now, now)
    return Change(before, after_failure(row, allowance, now))


def cleared(working: WorkingSet, subject: str, now: datetime) -> list[Change]:
    """Nothing is held against a subject any more; no change where nothing was."""
    before = working.throttles.get(subject)
    return [Change(before, forgiven(before, now))] if before is not None and before.failures else []
