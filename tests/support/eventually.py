"""Waiting for a condition, with a deadline and without guessing how long it takes."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    condition: Callable[[], T | Awaitable[T]], *, within_s: float = 10.0, every_s: float = 0.02, what: str = "the condition"
) -> T:
    """The first true value of `condition`; an exception inside it counts as not yet. Fails after `within_s`."""
    deadline = monotonic() + within_s
    last: object = None
    while True:
        try:
            value = condition()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return value  # type: ignore[return-value]
            last = value
        except Exception as error:
            last = error
        if monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within_s} s; last: {last!r}")
        await asyncio.sleep(every_s)
