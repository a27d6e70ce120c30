"""The one source of time. Everything that waits or stamps takes a `Clock`, so tests can hold time in their hand."""

import asyncio
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall-clock time: aware, UTC, cut to milliseconds (what the databases keep). For display and cron only."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps; leases and deadlines are measured on it."""

    async def sleep(self, seconds: float) -> None:
        """Wait; cancelled like any await."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return to_milliseconds(datetime.now(UTC))

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def to_milliseconds(at: datetime) -> datetime:
    """The same instant, cut to whole milliseconds."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


@lru_cache(maxsize=1024)  # a batch writes one instant many times
def iso(at: datetime) -> str:
    """`2026-01-01T00:00:00.000Z`: how every API writes an instant. `at` is aware."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
