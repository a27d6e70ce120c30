"""Ending tasks of asyncio for good."""

import asyncio
from typing import Any, Final

AGAIN_AFTER_S: Final = 1.0


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and return when they have ended, however they did.

    A cancellation can get lost: a library that was just about to fail may say so instead, and what tries again after
    errors goes on. So whoever has not ended after AGAIN_AFTER_S is cancelled again.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_AFTER_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # was looked at: asyncio need not print it
