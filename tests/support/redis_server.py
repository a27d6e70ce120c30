"""A private Redis server, to be killed, paused and emptied at will; the binary comes with the tools for tests."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from tests.support.dies_with_parent import dies_with_parent
from tests.support.eventually import eventually
from tests.support.freeze import freeze
from tests.support.loopback import free_port

_SERVER: Final = Path(sys.executable).with_name("redis-server")


class RedisServer:
    """`async with RedisServer(folder) as redis:` one that answers at `url`."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> "RedisServer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._begin()
        await eventually(self._answers, within_s=10, what="redis-server answering")

    def _begin(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                dies_with_parent([str(_SERVER), *options]),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def kill(self) -> None:
        """kill -9, also while it is paused."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
            if self._process.stdin:
                self._process.stdin.close()
            self._process = None

    def pause(self) -> None:
        """It takes connections and answers nothing any more."""
        assert self._process is not None
        freeze(self._process)

    async def flush(self) -> None:
        """It forgets everything."""
        async with Redis.from_url(self.url) as redis:
            await redis.flushall()

    async def listeners(self, channel: str) -> int:
        """How many connections have subscribed to it."""
        async with Redis.from_url(self.url) as redis:
            [(_, number)] = await redis.pubsub_numsub(channel)
        return int(number)

    async def _answers(self) -> bool:
        async with Redis.from_url(self.url) as redis:
            return bool(await redis.ping())
