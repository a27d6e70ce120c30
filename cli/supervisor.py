"""The parent of the cluster: starts its children in order, keeps them running, stops them in the opposite order."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cli.child import ChildSpec
from cli.keeper import Ended, Keeper
from cli.output import Output
from cli.probe import is_healthy
from cli.restart import RestartPolicy
from shared.clock import Clock
from shared.settings import EXIT_BAD_SETTINGS

_PROBE_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: for a child to become healthy, for one to stop, and between restarts (seconds)."""

    start_s: float = 60.0
    stop_s: float = 15.0
    restart: RestartPolicy = field(default_factory=RestartPolicy)


class Supervisor:
    """Runs stages of children: a stage starts when the one before is healthy; stages stop last first.

    Within a stage the children start and stop together.
    """

    def __init__(
        self, stages: Sequence[Sequence[ChildSpec]], output: Output, clock: Clock, patience: Patience | None = None
    ) -> None:
        self._patience = patience or Patience()
        self._output = output
        self._clock = clock
        self._stages = [[Keeper(spec, output, clock, self._patience.restart) for spec in stage] for stage in stages]
        self._stop = asyncio.Event()
        self._at_once = asyncio.Event()
        self._status = 0

    def stop(self) -> None:
        """Stop everything in order; called again, kill what still runs. For signal handlers."""
        if self._stop.is_set():
            self._at_once.set()
        self._stop.set()

    async def run(self, when_up: Callable[[], None]) -> int:
        """Run until told to stop or until every child has finished; `when_up` is called when all are healthy.

        Returns the exit status for the whole: 0 after a clean stop, 1 when a child did not become healthy or had to
        be killed, 78 when one refused its settings.
        """
        async with asyncio.TaskGroup() as tasks:
            if await self._start(tasks):
                when_up()
                await self._stop.wait()
            await self._stop_all()
        return self._status

    async def _start(self, tasks: asyncio.TaskGroup) -> bool:
        for stage in self._stages:
            for keeper in stage:
                tasks.create_task(self._keep(keeper))
            names = ", ".join(keeper.spec.name for keeper in stage)
            began = self._clock.monotonic()
            with self._output.busy(f"starting {names}"):
                healthy = await asyncio.gather(*(self._becomes_healthy(keeper) for keeper in stage))
            if self._stop.is_set():
                return False
            if not all(healthy):
                late = ", ".join(keeper.spec.name for keeper, is_up in zip(stage, healthy, strict=True) if not is_up)
                self._output.say(f"{late} did not become healthy: stopping everything", "red")
                self._status = 1
                return False
            self._output.say(f"{names} up after {self._clock.monotonic() - began:.1f} s", "green")
        return True

    async def _keep(self, keeper: Keeper) -> None:
        ended = await keeper.run()
        if ended is Ended.HOPELESS:
            self._status = EXIT_BAD_SETTINGS
        if ended is Ended.HOPELESS or all(each.is_over for stage in self._stages for each in stage):
            self._stop.set()

    async def _becomes_healthy(self, keeper: Keeper) -> bool:
        """Wait until it answers; False when time is up, it has ended, or everything is to stop."""
        url = keeper.spec.health_url
        deadline = self._clock.monotonic() + self._patience.start_s
        while url and not await is_healthy(url):
            if self._stop.is_set() or keeper.is_over or self._clock.monotonic() > deadline:
                return False
            await self._clock.sleep(_PROBE_EVERY_S)
        return True

    async def _stop_all(self) -> None:
        # the edge before the nodes, the nodes before the queue service: each is idle when its turn comes
        for stage in reversed(self._stages):
            running = [keeper for keeper in stage if not keeper.is_over]
            killed = await asyncio.gather(*(each.stop(self._patience.stop_s, self._at_once) for each in running))
            if any(killed) and self._status == 0:
                self._status = 1
