"""How failed attempts slow down whoever makes them (docs/adr/0015): pure rules over `Throttle` rows.

The first few failures are free. From then on each one blocks the subject for 1, 2, 4, ... seconds, at most for 15
minutes. An hour without a failure forgets them all.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from shared.model import Throttle

FREE_BY_ACCOUNT: Final = 5
FREE_BY_ADDRESS: Final = 50
LONGEST_BLOCK_S: Final = 900
FORGOTTEN_AFTER: Final = timedelta(hours=1)


def blocked_for_s(throttles: Iterable[Throttle], now: datetime) -> int:
    """Whole seconds until none of them blocks any more; 0 when none does.

    An end further off than any block lasts was written while the clock ran ahead, and blocks nobody.
    """
    left = [(throttle.blocked_until - now).total_seconds() for throttle in throttles if throttle.blocked_until]
    return max((ceil(seconds) for seconds in left if 0 < seconds <= LONGEST_BLOCK_S), default=0)


def after_failure(throttle: Throttle, *, free: int, now: datetime) -> Throttle:
    """The row after one more failure. The `free`-th one is the first that blocks."""
    failures = 1 if now - throttle.updated_at > FORGOTTEN_AFTER else throttle.failures + 1
    block_s = min(2 ** min(failures - free, 10), LONGEST_BLOCK_S) if failures >= free else 0
    return replace(
        throttle,
        failures=failures,
        blocked_until=now + timedelta(seconds=block_s) if block_s else None,
        version=throttle.version + 1,
        updated_at=now,
    )


def forgiven(throttle: Throttle, now: datetime) -> Throttle:
    """The row after a success: nothing is held against the subject any more."""
    return replace(throttle, failures=0, blocked_until=None, version=throttle.version + 1, updated_at=now)
