"""The raw client, a process of its own: as many connections as asked, each with one write under way at all times.

    python -m loadtest.bench.client '{"port": ..., "connections": ..., ...}'      (the members of Order)

It prints `measuring` when the warm-up is over and, at the end, one line of JSON: the members of Measured. It knows just
enough HTTP/1.1 to be much faster than what it measures; `ceiling.py` says how fast.
"""

import asyncio
import json
import re
import resource
import sys
from array import array
from dataclasses import asdict, dataclass
from math import ceil
from time import perf_counter
from typing import Final, cast

import uvloop

from loadtest.bench.requests import UPDATES_A_ROUND, Door, Requests, requests_for

GIVES_UP_AFTER_S: Final = 30.0
_HOST: Final = "127.0.0.1"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_ID: Final = re.compile(rb'"id":\s?(\d+)')
_VERSION: Final = re.compile(rb'"version":\s?(\d+)')


@dataclass(frozen=True, slots=True)
class Order:
    """What to do. `bearer` is an access token, or the queue service's secret at its door."""

    port: int
    door: Door
    bearer: str
    actor_id: int
    connections: int
    warm_up_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it. Writes and latencies (milliseconds) count those answered inside the measured seconds."""

    writes: int
    creates: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    client_cpu_s: float
    failures: int
    first_failure: str

    @property
    def writes_per_s(self) -> float:
        return self.writes / self.seconds


class Run:
    """One run: the connections report to it."""

    def __init__(self, order: Order) -> None:
        self.requests: Requests = requests_for(
            order.door, bearer=order.bearer, actor_id=order.actor_id, host=f"{_HOST}:{order.port}"
        )
        self.latencies = array("d")
        self.creates = 0
        self.failures = 0
        self.first_failure = ""
        self.is_measuring = False
        self.is_ending = False
        self._order = order
        self._open = order.connections
        self._all_ended = asyncio.Event()

    async def run(self) -> Measured:
        loop = asyncio.get_running_loop()
        for _ in range(self._order.connections):
            await loop.create_connection(lambda: Connection(self), _HOST, self._order.port)
        await self._for(self._order.warm_up_s)
        sys.stdout.write("measuring\n")
        sys.stdout.flush()
        self.is_measuring = True
        began, cpu = perf_counter(), _cpu_s()
        await self._for(self._order.seconds)
        took, cpu = perf_counter() - began, _cpu_s() - cpu
        self.is_measuring, self.is_ending = False, True
        await self._for(GIVES_UP_AFTER_S)
        for _ in range(self._open):
            self.failed(f"no answer within {GIVES_UP_AFTER_S:.0f} s")
        return self._measured(took, cpu)

    def failed(self, why: str) -> None:
        self.failures += 1
        self.first_failure = self.first_failure or why

    def ended(self) -> None:
        """A connection has had its last answer."""
        self._open -= 1
        if self._open == 0:
            self._all_ended.set()

    async def _for(self, seconds: float) -> None:
        """Let the connections work for so long, or until none is left."""
        try:
            async with asyncio.timeout(seconds):
                await self._all_ended.wait()
        except TimeoutError:
            pass

    def _measured(self, took: float, cpu: float) -> Measured:
        in_order = sorted(self.latencies)
        return Measured(
            writes=len(in_order),
            creates=self.creates,
            seconds=took,
            p50_ms=_percentile(in_order, 0.50) * 1000,
            p99_ms=_percentile(in_order, 0.99) * 1000,
            max_ms=_percentile(in_order, 1.0) * 1000,
            client_cpu_s=cpu,
            failures=self.failures,
            first_failure=self.first_failure,
        )


class Connection(asyncio.Protocol):
    """One kept-alive connection. `_done` counts the writes of its round, so version `_done` is the next to be seen."""

    __slots__ = ("_buffer", "_done", "_ended", "_run", "_sent_at", "_task_id", "_transport")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._buffer = b""
        self._done = 0
        self._task_id = 0
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        self._send(self._run.requests.create)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._ended:
            self._run.failed(f"the connection was closed: {error!r}")
            self._end()

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        head_end = data.find(b"\r\n\r\n")
        length = _LENGTH.search(data, 0, head_end + 2) if head_end >= 0 else None
        if length is None or len(data) < head_end + 4 + int(length[1]):
            if head_end >= 0 and length is None:
                self._break_off(data)
            self._buffer = data
            return
        self._buffer = b""
        run = self._run
        if run.is_measuring:
            run.latencies.append(perf_counter() - self._sent_at)
            run.creates += self._done == 0
        if run.is_ending:
            self._judge(data, head_end)
            self._end()
            self._transport.close()
        elif self._judge(data, head_end) and self._done <= UPDATES_A_ROUND:
            self._send(run.requests.update(self._task_id, self._done))
        else:
            self._done = 0
            self._send(run.requests.create)

    def _judge(self, answer: bytes, head_end: int) -> bool:
        """Whether it is the success that had to come, with the version that had to come; ready for the next step."""
        version = _VERSION.search(answer, head_end)
        if answer[9:10] != b"2" or version is None or int(version[1]) != self._done + 1:
            self._run.failed(answer[:2000].decode(errors="replace"))
            return False
        if self._done == 0:
            found = _ID.search(answer, head_end)
            self._task_id = int(found[1]) if found else 0
        self._done += 1
        return True

    def _send(self, request: bytes) -> None:
        self._sent_at = perf_counter()
        self._transport.write(request)

    def _break_off(self, data: bytes) -> None:
        self._run.failed("an answer without Content-Length: " + data[:500].decode(errors="replace"))
        self._end()
        self._transport.abort()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._run.ended()


def _percentile(in_order: list[float], share: float) -> float:
    """The smallest value that this share of all does not exceed; nan of nothing."""
    if not in_order:
        return float("nan")
    return in_order[max(0, ceil(len(in_order) * share) - 1)]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _main(order: Order) -> None:
    sys.stdout.write(json.dumps(asdict(await Run(order).run())) + "\n")


if __name__ == "__main__":
    uvloop.run(_main(Order(**json.loads(sys.argv[1]))))
