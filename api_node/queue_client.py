"""Writes on their way to the queue service: coalesced, and retried only where a retry cannot do harm.

While forwards are in flight, commands that arrive wait and travel together. Each outcome comes back on its own line as
it resolves. A connect error, a reset or silence is retried until the deadline under the same idempotency key, so a
command can never apply twice; an answered error is passed on and never retried.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import structlog

from shared.clock import Clock
from shared.errors import ConsoleError, Internal, OutcomeUnknown, QueueFull, QueueUnreachable, Unavailable
from shared.jsonio import dumps, loads
from shared.wire import error_from_wire

DEADLINE_S: Final = 12.0
MAX_IN_FLIGHT: Final = 4
MAX_STALLED: Final = 60
STALLED_AFTER_S: Final = 0.25
"""A forward this old waits for a slow lane: it gives its place to the next one, which may be for another lane."""
MAX_COMMANDS_A_FORWARD: Final = 200
MAX_BYTES_A_FORWARD: Final = 4 << 20
MAX_WAITING: Final = 5_000
SILENCE_S: Final = 4.0
"""No line for this long counts as silence: the same commands are sent again and join the ones that run."""
CONNECT_TIMEOUT_S: Final = 2.0
_PAUSE_S: Final = 0.1

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one command."""

    status: int
    data: Any
    is_replayed: bool


@dataclass(slots=True, eq=False)
class _Waiting:
    raw: bytes
    deadline: float
    future: asyncio.Future[Outcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    was_sent: bool = False


class QueueClient:
    """One node's line to the queue service. `start` and `close` once each."""

    def __init__(self, url: str, secret: str, clock: Clock) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._forwards: set[asyncio.Task[None]] = set()
        self._fresh: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the client; connections are made when first needed."""
        self._http = aiohttp.ClientSession(
            base_url=self._url,
            headers={"Authorization": f"Bearer {self._secret}"},
            connector=aiohttp.TCPConnector(limit=MAX_IN_FLIGHT + MAX_STALLED + 1, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_S),
            read_bufsize=1 << 20,
            # an inherited proxy setting must not send internal traffic elsewhere
            trust_env=False,
        )

    async def close(self) -> None:
        """Wait for forwards under way, then close."""
        if self._forwards:
            await asyncio.wait(self._forwards)
        if self._http is not None:
            await self._http.close()

    async def submit(self, command: dict[str, Any]) -> Outcome:
        """Send one command (a CommandRequest with an idempotency key) and wait for its outcome.

        Raises the queue service's refusal; QueueUnreachable when nothing was ever sent; OutcomeUnknown when the
        deadline passed after something was. Being cancelled leaves the command on its way.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise QueueFull
        waiting = _Waiting(dumps(command), self._clock.monotonic() + DEADLINE_S)
        self._waiting.append(waiting)
        self._dispatch()
        return await asyncio.shield(waiting.future)

    async def status(self) -> dict[str, Any]:
        """The queue service's status, as it answers it. Raises QueueUnreachable."""
        assert self._http is not None  # noqa: S101 - start() was called
        try:
            async with self._http.get("/api/queue/status") as response:
                body: dict[str, Any] = loads(await response.read())
                if response.status != 200:
                    raise QueueUnreachable(f"the queue service answered {response.status}")
                return body
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise QueueUnreachable from error

    def _dispatch(self) -> None:
        while self._waiting and len(self._fresh) < MAX_IN_FLIGHT and len(self._forwards) < MAX_IN_FLIGHT + MAX_STALLED:
            batch: list[_Waiting] = []
            size = 0
            while self._waiting and len(batch) < MAX_COMMANDS_A_FORWARD and size < MAX_BYTES_A_FORWARD:
                size += len(self._waiting[0].raw)
                batch.append(self._waiting.popleft())
            task = asyncio.create_task(self._forward(batch))
            self._forwards.add(task)
            self._fresh.add(task)
            task.add_done_callback(self._landed)
            asyncio.get_running_loop().call_later(STALLED_AFTER_S, self._stalled, task)

    def _stalled(self, task: asyncio.Task[None]) -> None:
        if task in self._fresh:
            self._fresh.discard(task)
            self._dispatch()

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._forwards.discard(task)
        self._fresh.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("forward_failed", exc_info=task.exception())
        self._dispatch()

    async def _forward(self, batch: Sequence[_Waiting]) -> None:
        """See every command of the batch to its outcome, resending what is unanswered until its deadline."""
        left = list(batch)
        while left:
            try:
                await self._send(left)
            except (aiohttp.ClientError, OSError, TimeoutError, EOFError) as error:
                log.warning("forward_interrupted", error=repr(error), unanswered=len(left))
            except Exception as error:
                # a mistake of ours must not leave the callers waiting
                log.error("forward_broke", exc_info=error)
                for waiting in left:
                    _fail(waiting, OutcomeUnknown() if waiting.was_sent else Internal())
            left = self._still_waiting(left)
            if left:
                await self._clock.sleep(_PAUSE_S)

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        """One request. Returns when the stream ends; raises what the connection raised."""
        assert self._http is not None  # noqa: S101 - start() was called
        body = b'{"jobs":[' + b",".join(waiting.raw for waiting in batch) + b"]}"
        request = self._http.post("/api/queue/jobs", data=body, headers={"Content-Type": "application/json"})
        try:
            async with request as response:
                for waiting in batch:
                    waiting.was_sent = True
                if response.status != 200:
                    await self._refused(response, batch)
                    return
                async for line in response.content:
                    _resolve(batch, loads(line))
        except aiohttp.ClientConnectorError:
            raise  # nothing left this machine
        except (aiohttp.ClientError, OSError, TimeoutError):
            for waiting in batch:
                waiting.was_sent = True
            raise

    async def _refused(self, response: aiohttp.ClientResponse, batch: Sequence[_Waiting]) -> None:
        """The whole forward was refused (a wrong secret, say): nothing of it was accepted."""
        log.error("forward_refused", status=response.status, body=(await response.text())[:500])
        for waiting in batch:
            _fail(waiting, Unavailable(f"the queue service refused this node ({response.status})"))

    def _still_waiting(self, batch: Sequence[_Waiting]) -> list[_Waiting]:
        now = self._clock.monotonic()
        left = []
        for waiting in batch:
            if waiting.future.done():
                continue
            if now + _PAUSE_S >= waiting.deadline:
                _fail(waiting, OutcomeUnknown() if waiting.was_sent else QueueUnreachable())
            else:
                left.append(waiting)
        return left


def _resolve(batch: Sequence[_Waiting], line: dict[str, Any]) -> None:
    waiting = batch[line["index"]]
    if waiting.future.done():
        return
    if "error" in line:
        _fail(waiting, error_from_wire(line["error"]))
    else:
        waiting.future.set_result(Outcome(line["status"], line["data"], line["replayed"]))


def _fail(waiting: _Waiting, error: ConsoleError) -> None:
    if not waiting.future.done():
        waiting.future.set_exception(error)
        waiting.future.exception()  # the client may have hung up: nobody else needs to hear of it
