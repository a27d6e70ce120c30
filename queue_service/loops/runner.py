"""Runs the maintenance loops. The one place where a loop's exceptions are caught: logged, counted, backed off from."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from queue_service.writer.fence import Deposed
from shared.clock import Clock

log = structlog.get_logger(__name__)

LATE_AFTER_PERIODS = 3


@dataclass(frozen=True, slots=True)
class Loop:
    """A named task that repeats. `run_once` returns the seconds until it wants to run again."""

    name: str
    period_s: float
    run_once: Callable[[], Awaitable[float]]


class LoopRunner:
    """Runs each loop until cancelled, and knows when each last succeeded."""

    def __init__(self, loops: Sequence[Loop], clock: Clock) -> None:
        self._loops = loops
        self._clock = clock
        self._last_success: dict[str, float] = {}
        self.runs: Counter[str] = Counter()

    async def run(self) -> None:
        """Run all loops. Ends only by cancellation or by Deposed."""
        now = self._clock.monotonic()
        self._last_success = {loop.name: now for loop in self._loops}
        async with asyncio.TaskGroup() as group:
            for loop in self._loops:
                group.create_task(self._repeat(loop), name=f"loop:{loop.name}")

    def late(self) -> list[str]:
        """The loops that have not succeeded for three periods."""
        now = self._clock.monotonic()
        return [
            loop.name
            for loop in self._loops
            if now - self._last_success.get(loop.name, now) > LATE_AFTER_PERIODS * loop.period_s
        ]

    def view(self) -> dict[str, Any]:
        """Seconds since each loop's last success, and how often it succeeded."""
        now = self._clock.monotonic()
        return {
            name: {"lastSuccessAgeS": round(now - at, 1), "runs": self.runs[name]}
            for name, at in self._last_success.items()
        }

    async def _repeat(self, loop: Loop) -> None:
        while True:
            try:
                delay = await loop.run_once()
                self._last_success[loop.name] = self._clock.monotonic()
                self.runs[loop.name] += 1
            except Deposed:
                raise
            except Exception as error:
                log.warning("loop_failed", loop=loop.name, error=str(error))
                delay = loop.period_s
            await self._clock.sleep(delay)
