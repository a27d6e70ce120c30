"""Reads the parts of the backlog that the index wants, one short transaction each."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

import structlog

from queue_service.engine.index import HELD, PartitionKey, ReadyIndex
from queue_service.store import jobs
from queue_service.store.session import Session
from shared.clock import Clock

log = structlog.get_logger(__name__)


class Backlog:
    """One reading at a time. `then` is called when one has ended well."""

    def __init__(self, session: Session, clock: Clock, index: ReadyIndex, then: Callable[[], None]) -> None:
        self._session = session
        self._clock = clock
        self._index = index
        self._then = then
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_reading(self) -> bool:
        return self._reading is not None

    def read(self, keys: Collection[PartitionKey]) -> None:
        """Read these. While a reading is under way nothing is begun: when it ends they are asked for again."""
        if keys and self._reading is None:
            self._reading = asyncio.create_task(self._read_all(keys))

    async def read_to_the_end(self) -> None:
        """Wait for a reading under way, and for what it led to."""
        while self._reading is not None:
            with suppress(Exception):
                await asyncio.shield(self._reading)

    async def stop(self) -> None:
        """End a reading under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read_all(self, keys: Collection[PartitionKey]) -> None:
        try:
            for key in keys:
                try:
                    await self._read(key)
                except BaseException:
                    self._index.doubt([key])
                    raise
        except Exception as error:
            log.warning("backlog_not_read", error=str(error))
            return  # the next tick tries again
        finally:
            self._reading = None
        self._then()

    async def _read(self, key: PartitionKey) -> None:
        if self._index.partition(key).is_stale:
            await self._fill(key)
        elif self._index.partition(key).is_due(self._clock.now()):
            await self._take_due(key)
        else:
            await self._extend(key)

    async def _fill(self, key: PartitionKey) -> None:
        now, partition, limit = self._clock.now(), self._index.partition(key), self._index.to_read()
        partition.begin()
        besides = set(self._index.on_their_way)
        async with self._session.lock, self._session.transaction() as tx:
            found, next_due = await jobs.ready(tx, *key, due=now, limit=limit, whole=self._index.keeps_whole)
        besides |= self._index.on_their_way.keys()
        partition.fill(found, next_due, is_all=len(found) < limit, besides=besides)

    async def _take_due(self, key: PartitionKey) -> None:
        now, partition = self._clock.now(), self._index.partition(key)
        since, besides, whole = partition.begin_due(), set(self._index.on_their_way), self._index.keeps_whole
        async with self._session.lock, self._session.transaction() as tx:
            found, next_due = await jobs.ready(tx, *key, since=since, due=now, limit=HELD, whole=whole)
        besides |= self._index.on_their_way.keys()
        partition.take_due(found, next_due, is_all=len(found) < HELD, besides=besides)

    async def _extend(self, key: PartitionKey) -> None:
        now, partition = self._clock.now(), self._index.partition(key)
        edge, besides, whole = partition.begin_extending(), set(self._index.on_their_way), self._index.keeps_whole
        if edge is None:
            return
        async with self._session.lock, self._session.transaction() as tx:
            found = await jobs.ready_after(tx, *key, after=edge, due=now, limit=HELD, whole=whole)
        besides |= self._index.on_their_way.keys()
        partition.extend(found, is_all=len(found) < HELD, besides=besides)
