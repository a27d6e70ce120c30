"""What a node has read about who is asking, believed for three seconds, counted from before the read.

So whatever takes a right away is known on every node within that time, and at once on the node that did it, or heard of
it: that one forgets.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from shared.clock import Clock

BELIEVED_FOR_S: Final = 3.0
MAX_REMEMBERED: Final = 10_000

T = TypeVar("T")


class Remembered(Generic[T]):
    """Things by id, read by `read` (None: there is none) when they are not remembered. The newest few are; what is not
    there is asked for each time."""

    def __init__(self, read: Callable[[int], Awaitable[T | None]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._known: dict[int, tuple[float, T]] = {}
        self._forgotten = 0

    async def get(self, key: int) -> T | None:
        """As of three seconds ago at most. Raises what `read` raises."""
        known = self._known.get(key)
        if known is not None and self._clock.monotonic() - known[0] < BELIEVED_FOR_S:
            return known[1]
        return await self._reading(key)

    def forget(self, key: int) -> None:
        """Read it anew when it is asked for next, even where a read is under way: that one may be too early."""
        self._forgotten += 1
        self._known.pop(key, None)

    def forget_where(self, concerns: Callable[[T], bool]) -> None:
        """The same for all that this is true of; as many steps as are remembered."""
        self._forgotten += 1
        for key in [key for key, (_, found) in self._known.items() if concerns(found)]:
            del self._known[key]

    def forget_all(self) -> None:
        """The same for everything."""
        self._forgotten += 1
        self._known.clear()

    async def _reading(self, key: int) -> T | None:
        at, forgotten = self._clock.monotonic(), self._forgotten
        found = await self._read(key)
        self._known.pop(key, None)
        # what was read while something was forgotten may be the very thing
        if found is not None and forgotten == self._forgotten:
            if len(self._known) >= MAX_REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[key] = (at, found)
        return found
