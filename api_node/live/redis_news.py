"""A node's ear at Redis: whose rights have changed, sooner than a broken event stream tells it. Everything that can go
wrong with it is a warning in the log; the truth is in the database and believed for 3 s."""

import asyncio
from collections.abc import Callable

from shared.clock import Clock
from shared.redis_link import ANSWERS_WITHIN_S, BEAT_S, FAULTS, client, through_faults
from shared.rights_news import CHANNEL, Concerned, from_message
from shared.tasks import end


class RedisNews:
    """`start` and `stop` once each. `on_news` hears whose rights have changed."""

    def __init__(self, url: str, clock: Clock, on_news: Callable[[Concerned], None]) -> None:
        self._redis = client(url)
        self._clock = clock
        self._on_news = on_news
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen; returns at once."""
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._running is not None:
            await end(self._running)
        await self._redis.aclose()

    async def answers(self) -> bool:
        """Whether Redis is there and says so within 2 s."""
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                return bool(await self._redis.ping())
        except FAULTS:
            return False

    async def _run(self) -> None:
        async for attempt in through_faults(self._clock):
            with attempt:
                await self._listen()

    async def _listen(self) -> None:
        """Over one connection, until it breaks: one that does not even answer our pings is broken."""
        async with self._redis.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            has_answered = True
            while True:
                said = await channel.get_message(timeout=BEAT_S)
                if said is None:
                    if not has_answered:
                        raise TimeoutError("no answer to a ping")
                    has_answered = False
                    await channel.ping()
                    continue
                has_answered = True
                if said["type"] == "message":
                    self._on_news(from_message(said["data"]))
