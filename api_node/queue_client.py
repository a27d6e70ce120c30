"""Writes on their way to the queue service: coalesced, and retried only where a retry cannot do harm.

While forwards are in flight, commands that arrive wait and travel together. Each outcome comes back on its own line as
it resolves. A connect error, a reset or silence is retried until the deadline under the same idempotency key, so a
command can never apply twice; an answered error is passed on and never retried.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import structlog

from api_node.unanswered import Outcome, Unanswered
from shared.clock import Clock
from shared.errors import Internal, OutcomeUnknown, QueueFull, QueueUnreachable, Unavailable
from shared.jsonio import dumps, loads
from shared.wire import NODE_HEADER

MAX_IN_FLIGHT: Final = 4
MAX_STALLED: Final = 60
MAX_COMMANDS_A_FORWARD: Final = 200
MAX_BYTES_A_FORWARD: Final = 1_000_000
MAX_HELD: Final = 10_000
MAX_HELD_BYTES: Final = 64 << 20
"""Commands of this node that are not answered yet, waiting or on their way; past either limit a write gets 503."""

NOTE_EVERY_S: Final = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class QueueTimes:
    """How long a node waits, in seconds. The defaults are the published ones; tests shorten them.

    `silence_s`: no line for this long, and the same commands are sent again and join the ones that run.
    `stalled_after_s`: a forward this old waits for a slow lane and gives its place to the next, which may be for
    another lane.
    """

    deadline_s: float = 12.0
    connect_s: float = 2.0
    silence_s: float = 4.0
    stalled_after_s: float = 0.25
    pause_s: float = 0.1


class QueueClient:
    """One node's line to the queue service. `start` and `close` once each. `name` is the node's, for the audit log."""

    def __init__(
        self, url: str, secret: str, clock: Clock, times: QueueTimes | None = None, *, name: str = "node"
    ) -> None:
        self._name = name
        self._times = times or QueueTimes()
        self._url = url
        self._secret = secret
        self._clock = clock
        self._waiting: deque[Unanswered] = deque()
        self._forwards: set[asyncio.Task[None]] = set()
        self._fresh: set[asyncio.Task[None]] = set()
        self._held = 0
        self._noted_at = float("-inf")
        self._held_bytes = 0
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the client; connections are made when first needed."""
        self._http = aiohttp.ClientSession(
            base_url=self._url,
            headers={"Authorization": f"Bearer {self._secret}", NODE_HEADER: self._name},
            connector=aiohttp.TCPConnector(limit=MAX_IN_FLIGHT + MAX_STALLED + 1, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._times.connect_s, sock_read=self._times.silence_s
            ),
            trace_configs=[_noting_what_was_sent()],
            read_bufsize=1 << 20,
            # an inherited proxy setting must not send internal traffic elsewhere
            trust_env=False,
        )

    async def close(self) -> None:
        """Wait for forwards under way, then close."""
        while self._forwards:  # one that lands may start the next
            await asyncio.wait(self._forwards)
        if self._http is not None:
            await self._http.close()

    @property
    def held(self) -> int:
        """Commands that are not answered yet."""
        return self._held

    async def submit(self, command: dict[str, Any]) -> Outcome:
        """Send one command (a CommandRequest with an idempotency key) and wait for its outcome.

        Raises the queue service's refusal; QueueFull when this node holds all it may; QueueUnreachable when nothing was
        ever sent; OutcomeUnknown when the deadline passed after something was. Being cancelled leaves the command on
        its way.
        """
        raw = dumps(command)
        if self._held >= MAX_HELD or self._held_bytes + len(raw) > MAX_HELD_BYTES:
            raise QueueFull
        waiting = Unanswered(raw, self._clock.monotonic() + self._times.deadline_s)
        self._held += 1
        self._held_bytes += len(raw)
        waiting.future.add_done_callback(lambda _: self._let_go(len(raw)))
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
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise QueueUnreachable from error

    def _let_go(self, size: int) -> None:
        self._held -= 1
        self._held_bytes -= size

    def _dispatch(self) -> None:
        while self._waiting and len(self._fresh) < MAX_IN_FLIGHT and len(self._forwards) < MAX_IN_FLIGHT + MAX_STALLED:
            batch: list[Unanswered] = []
            size = 0
            while self._waiting and len(batch) < MAX_COMMANDS_A_FORWARD:
                size += len(self._waiting[0].raw)
                if batch and size > MAX_BYTES_A_FORWARD:
                    break
                batch.append(self._waiting.popleft())
            task = asyncio.create_task(self._forward(batch))
            self._forwards.add(task)
            self._fresh.add(task)
            task.add_done_callback(self._landed)
            asyncio.get_running_loop().call_later(self._times.stalled_after_s, self._stalled, task)

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

    async def _forward(self, batch: Sequence[Unanswered]) -> None:
        """See every command of the batch to its outcome, resending what is unanswered until its deadline."""
        left = self._still_waiting(batch)
        while left:
            try:
                # by its first deadline a forward ends, however busy its stream is with other commands' lines
                async with asyncio.timeout(min(waiting.deadline for waiting in left) - self._clock.monotonic()):
                    await self._send(left)
            except (aiohttp.ClientError, OSError, TimeoutError, EOFError) as error:
                self._note_interruption(error)
            except Exception as error:
                # a mistake of ours must not leave the callers waiting
                log.error("forward_broke", exc_info=error)
                for waiting in left:
                    waiting.fail(OutcomeUnknown() if waiting.was_sent else Internal())
            for waiting in left:
                waiting.may_have_happened = waiting.was_sent
            left = self._still_waiting(left)
            if left:
                await self._clock.sleep(self._times.pause_s)

    async def _send(self, batch: Sequence[Unanswered]) -> None:
        """One request. Returns when the stream ends; raises what the connection raised."""
        assert self._http is not None  # noqa: S101 - start() was called
        body = b'{"jobs":[' + b",".join(waiting.raw for waiting in batch) + b"]}"
        request = self._http.post(
            "/api/queue/jobs", data=body, headers={"Content-Type": "application/json"}, trace_request_ctx=batch
        )
        async with request as response:
            if response.status != 200:
                await self._refused(response, batch)
                return
            async for line in response.content:
                if not line.endswith(b"\n"):
                    raise EOFError("the last line was cut")
                said = loads(line)
                batch[said["index"]].resolve(said)

    async def _refused(self, response: aiohttp.ClientResponse, batch: Sequence[Unanswered]) -> None:
        """The whole forward was refused (a wrong secret, say): nothing of this try was accepted."""
        log.error("forward_refused", status=response.status, body=(await response.text())[:500])
        for waiting in batch:
            waiting.fail(Unavailable(f"the queue service refused this node ({response.status})"))

    def _note_interruption(self, error: BaseException) -> None:
        """One line every few seconds, not one for each try of each forward: an outage would fill the disk."""
        now = self._clock.monotonic()
        if now - self._noted_at >= NOTE_EVERY_S:
            self._noted_at = now
            log.warning("queue_service_silent", error=type(error).__name__, unanswered=self._held)

    def _still_waiting(self, batch: Sequence[Unanswered]) -> list[Unanswered]:
        now = self._clock.monotonic()
        left = []
        for waiting in batch:
            if waiting.future.done():
                continue
            if now + self._times.pause_s >= waiting.deadline:
                waiting.fail(OutcomeUnknown() if waiting.was_sent else QueueUnreachable())
            else:
                left.append(waiting)
        return left


def _noting_what_was_sent() -> aiohttp.TraceConfig:
    """Marks the commands of a forward just before its first byte leaves: up to there nothing can have happened."""

    async def note(_session: aiohttp.ClientSession, context: Any, _params: Any) -> None:
        for waiting in context.trace_request_ctx or ():
            waiting.was_sent = True

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(note)
    return trace
