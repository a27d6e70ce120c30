"""How many jobs come and go, by queue, lately: a picture for people. It is the leader's own and begins anew with it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from shared.queues import QueueKey

WINDOW_S: Final = 60
_BUCKET_S: Final = 5


@dataclass(slots=True)
class Flow:
    """Counted in pieces of five seconds, of which those of the last minute are kept."""

    began_at: float
    _arrived: dict[int, Counter[QueueKey]] = field(default_factory=dict)
    _ended: dict[int, Counter[QueueKey]] = field(default_factory=dict)

    def note(self, arrived: Counter[QueueKey], ended: Counter[QueueKey], now: float) -> None:
        """Jobs were submitted, and jobs came to their end."""
        piece = int(now) // _BUCKET_S
        for kept, more in ((self._arrived, arrived), (self._ended, ended)):
            if not more:
                continue
            if piece not in kept:
                kept[piece] = Counter()
                for old in [one for one in kept if one <= piece - WINDOW_S // _BUCKET_S]:
                    del kept[old]
            kept[piece].update(more)

    def per_minute(self, key: QueueKey, now: float) -> tuple[float, float]:
        """How many came and how many went, a minute, over the last minute or as long as anybody has counted."""
        first = int(now) // _BUCKET_S - WINDOW_S // _BUCKET_S
        seconds = min(WINDOW_S, max(_BUCKET_S, now - self.began_at))
        sums = (
            sum(counted[key] for piece, counted in kept.items() if piece > first)
            for kept in (self._arrived, self._ended)
        )
        arrived, ended = (round(jobs * 60 / seconds, 1) for jobs in sums)
        return arrived, ended
