"""A node's one line to the queue service's event stream, kept up for ever; every client of the node is served from it.

The node starts with all that the queue service keeps, so a client that lost another node finds here what it missed.
After a break the line goes on from where it was, and where that is no longer kept the clients are told of a gap.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from api_node.live.event import LiveEvent, from_wire
from api_node.live.metrics import LiveMetrics
from shared.clock import Clock
from shared.events import EventRing
from shared.jsonio import loads
from shared.position import as_text, from_text
from shared.tasks import end

SILENCE_S: Final = 12.0
"""The stream beats every 5 s: without a line for this long, it is broken."""

_CONNECT_S: Final = 2.0
_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
_NOTE_EVERY: Final = 10

log = structlog.get_logger(__name__)


class StreamBroken(Exception):
    """The stream ended, refused us or fell silent: connect again."""


class Follower:
    """Fills `ring`. `on_event` hears of each change just before the clients do."""

    def __init__(
        self,
        url: str,
        secret: str,
        clock: Clock,
        metrics: LiveMetrics,
        *,
        on_event: Callable[[LiveEvent], None],
        ring: EventRing[LiveEvent] | None = None,
    ) -> None:
        self.ring: EventRing[LiveEvent] = ring or EventRing()
        self._url = url
        self._secret = secret
        self._clock = clock
        self._metrics = metrics
        self._on_event = on_event
        self._has_begun = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin to follow; returns at once, with the task that does so until `stop`."""
        self._running = asyncio.create_task(self._run())
        return self._running

    async def stop(self) -> None:
        """Follow no longer, and end every client's stream."""
        self.ring.close()
        if self._running is not None:
            await end(self._running)

    async def ready(self) -> None:
        """Wait until the stream was heard for the first time."""
        await self._has_begun.wait()

    async def _run(self) -> None:
        async with aiohttp.ClientSession(
            base_url=self._url,
            headers={"Authorization": f"Bearer {self._secret}"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=SILENCE_S),
            read_bufsize=1 << 20,
            # an inherited proxy setting must not send internal traffic elsewhere
            trust_env=False,
        ) as http:
            while True:
                async for attempt in AsyncRetrying(
                    retry=retry_if_exception_type((StreamBroken, aiohttp.ClientError, OSError, TimeoutError)),
                    wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE_S),
                    sleep=self._clock.sleep,
                    before_sleep=self._note,
                ):
                    with attempt:
                        await self._follow(http)
                # a service that is stopping ends each stream it has just begun
                await self._clock.sleep(_PAUSE_S)

    async def _follow(self, http: aiohttp.ClientSession) -> None:
        """One connection. Returns when it ended after lines had come; raises when it never brought one."""
        since = as_text(self.ring.position) if self._has_begun.is_set() else "oldest"
        has_spoken = False
        try:
            async with http.get("/internal/events", params={"since": since}) as response:
                if response.status != 200:
                    raise StreamBroken(f"the queue service answered {response.status}")
                async for line in response.content:
                    if not line.endswith(b"\n"):
                        raise StreamBroken("the last line was cut")
                    self._take(line)
                    has_spoken = True
                    self._metrics.is_following.set(1)
            raise StreamBroken("the stream ended")
        except (StreamBroken, aiohttp.ClientError, OSError, TimeoutError):
            if not has_spoken:
                raise
        finally:
            self._metrics.is_following.set(0)

    def _take(self, raw: bytes) -> None:
        """One line. A mistake in it, or in what we make of it, breaks this connection and not the whole follower."""
        try:
            self._understand(loads(raw))
        except Exception as error:
            log.error("event_not_understood", exc_info=error)
            raise StreamBroken("a line was not understood") from error

    def _understand(self, line: dict[str, Any]) -> None:
        position = from_text(line.pop("seq"))
        if line.get("gap"):
            self.ring.begin(position)
        elif line.get("beat"):
            self._hear_beat(line)
        else:
            event = from_wire(position, line)
            self._on_event(event)
            self.ring.keep([(position, event)])

    def _hear_beat(self, line: dict[str, Any]) -> None:
        if not self._has_begun.is_set():
            self.ring.begin(from_text(line["since"]))
            self._has_begun.set()

    def _note(self, state: RetryCallState) -> None:
        if state.attempt_number % _NOTE_EVERY == 1:
            error = state.outcome.exception() if state.outcome else None
            log.warning("event_stream_lost", error=str(error) or type(error).__name__, tries=state.attempt_number)
