"""How failed attempts slow down whoever makes them (docs/adr/0015): pure rules over `Throttle` rows.

The first few failures are free. From then on each one blocks the subject for 1, 2, 4, ... seconds, at most for 15
minutes. One failure after the other leaks away with time, so that what many people do wrong in a day never adds up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from shared.model import Throttle

LONGEST_BLOCK_S: Final = 900
_DOUBLINGS: Final = 10
"""After so many of them a block is the longest. Failures beyond are not added up."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a subject may fail at: `free` times at once, and then once in every `leaks_every`."""

    free: int
    leaks_every: timedelta


BY_ACCOUNT: Final = Allowance(free=5, leaks_every=timedelta(minutes=30))
BY_ADDRESS: Final = Allowance(free=50, leaks_every=timedelta(seconds=36))
"""An address may be that of an office, where people mistype: 1,000 of them do less often than 100 times an hour."""
FORGOTTEN_AFTER: Final = timedelta(hours=12)
"""By then whatever was counted has leaked away, under any allowance there is."""


def hourly(free: int) -> Allowance:
    """So many in an hour: at once, or spread over it."""
    return Allowance(free=free, leaks_every=timedelta(hours=1) / free)


def blocked_for_s(throttles: Iterable[Throttle], now: datetime) -> int:
    """Whole seconds until none of them blocks any more; 0 when none does.

    An end further off than any block lasts was written while the clock ran ahead, and blocks nobody.
    """
    left = [(throttle.blocked_until - now).total_seconds() for throttle in throttles if throttle.blocked_until]
    return max((ceil(seconds) for seconds in left if 0 < seconds <= LONGEST_BLOCK_S), default=0)


def after_failure(throttle: Throttle, allowance: Allowance, now: datetime) -> Throttle:
    """The row after one more failure. The `free`-th one is the first that blocks."""
    leaked = max((now - throttle.updated_at) // allowance.leaks_every, 0)
    still_held = max(throttle.failures - leaked, 0)
    failures = min(still_held + 1, allowance.free + _DOUBLINGS)
    block_s = min(2 ** (failures - allowance.free), LONGEST_BLOCK_S) if failures >= allowance.free else 0
    return replace(
        throttle,
        failures=failures,
        blocked_until=now + timedelta(seconds=block_s) if block_s else None,
        version=throttle.version + 1,
        # what is left of the time counts for the next one, or failing often enough would stop the leak
        updated_at=min(throttle.updated_at + leaked * allowance.leaks_every, now) if still_held else now,
    )


def forgiven(throttle: Throttle, now: datetime) -> Throttle:
    """The row after a success: nothing is held against the subject any more."""
    return replace(throttle, failures=0, blocked_until=None, version=throttle.version + 1, updated_at=now)
