"""A queue service in this process for the length of a block."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from queue_service.service import QueueService
from shared.clock import Clock, SystemClock
from shared.settings import Settings


@asynccontextmanager
async def leading(settings: Settings, clock: Clock | None = None) -> AsyncIterator[QueueService]:
    """Start it, and stop it in order at the end. A fall of this leader is noted nowhere: look at the epoch."""
    service = QueueService(settings, clock or SystemClock(), on_deposed=lambda: None)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def vanish(service: QueueService) -> None:
    """End a started service as kill -9 does: its connections close, and nothing is given back."""
    for task in service._running:
        task.cancel()
    await asyncio.gather(*service._running, return_exceptions=True)
    for session in service._sessions:
        await session.close()
    await service._engine.dispose()
