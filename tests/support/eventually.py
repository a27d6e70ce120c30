"""Waiting for a condition, with a deadline and without guessing how long it takes."""

import asyncio
import inspect
from collections.abc import Callable
from time import monotonic
from typing import Any


async def eventually(
    condition: Callable[[], Any],
    *,
    within_s: float = 10.0,
    every_s: float = 0.02,
    what: str = "the condition",
) -> Any:
    """The first true value of `condition` (a function or coroutine function); an exception inside it counts as not
    yet. Fails after `within_s`."""
    deadline = monotonic() + within_s
    last: object = None
    while True:
        try:
            value = condition()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return value
            last = value
        except Exception as error:
            last = error
        if monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within_s} s; last: {last!r}")
        await asyncio.sleep(every_s)
