"""Clocks that a test moves."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from shared.clock import SystemClock


class MovableClock(SystemClock):
    """The machine's time, from which both readings can be moved away. Waiting takes as long as it takes."""

    def __init__(self, *, wall_ahead: timedelta = timedelta()) -> None:
        self.wall_ahead = wall_ahead
        self.passed_s = 0.0

    def now(self) -> datetime:
        return super().now() + self.wall_ahead + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return super().monotonic() + self.passed_s

    def jump(self, by: timedelta) -> None:
        """Set the wall clock; no time passes."""
        self.wall_ahead += by

    def let_pass(self, span: timedelta) -> None:
        """Be that much later on both clocks."""
        self.passed_s += span.total_seconds()


class StoppedClock(SystemClock):
    """No time passes, so nothing that was remembered grows too old. Waiting takes as long as it takes."""

    def __init__(self) -> None:
        self._now, self._monotonic = super().now(), super().monotonic()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic


class SteppingClock(MovableClock):
    """Waits by stepping: `sleep` awaits `meanwhile` (what goes on in the world in that time), and then it is later."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]], *, wall_ahead: timedelta = timedelta()) -> None:
        super().__init__(wall_ahead=wall_ahead)
        self.slept_s = 0.0
        self._meanwhile = meanwhile
        self._steps = True

    async def sleep(self, seconds: float) -> None:
        if not self._steps:
            await super().sleep(seconds)
            return
        await self._meanwhile()
        self.slept_s += seconds
        self.passed_s += seconds

    def step_no_more(self) -> None:
        """From now on, wait as long as it takes."""
        self._steps = False
