"""Commands that are decided by one batch."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from queue_service.service import QueueService


@asynccontextmanager
async def held_back(service: QueueService) -> AsyncIterator[None]:
    """What is sent to the engine's first shard meanwhile is one batch, when this ends: the lane cuts it when its
    connection is free."""
    async with service._lanes["engine"][0]._session.lock:
        yield
