"""Keep one child running: run it again when it dies, until it is done, hopeless or told to stop."""

import asyncio
from enum import Enum

from cli.child import Child, ChildSpec
from cli.output import Output
from cli.restart import Again, Finished, RestartPolicy, after_exit, describe_exit
from shared.clock import Clock


class Ended(Enum):
    """Why a child is no longer kept running."""

    FINISHED = "it ended by itself with status 0"
    HOPELESS = "its settings are wrong"
    STOPPED = "it was told to stop"


class Keeper:
    """Owner of one child. `run` once; `stop` from another task of the same loop."""

    def __init__(self, spec: ChildSpec, output: Output, clock: Clock, policy: RestartPolicy) -> None:
        self.spec = spec
        self._output = output
        self._clock = clock
        self._policy = policy
        self._child: Child | None = None
        self._stopping = asyncio.Event()
        self._over = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether the child has ended for good."""
        return self._over.is_set()

    async def run(self) -> Ended:
        """Run the child until it is not to be run again. Cancelled, it kills the child."""
        try:
            return await self._keep()
        finally:
            if self._child:
                self._child.kill()
            self._over.set()

    async def stop(self, grace_s: float, at_once: asyncio.Event) -> bool:
        """Send SIGTERM, wait up to `grace_s` seconds or until `at_once` is set, then SIGKILL.

        Returns whether it had to be killed. Returns False at once when the child is not running.
        """
        self._stopping.set()
        if self._child:
            self._child.terminate()
        await _first_of(self._over, at_once, timeout_s=grace_s)
        if self._over.is_set():
            return False
        reason = "killed on request" if at_once.is_set() else f"did not stop within {grace_s:g} s: killed"
        self._output.say(f"{self.spec.name} {reason}", "red")
        if self._child:
            self._child.kill()
        await self._over.wait()
        return True

    async def _keep(self) -> Ended:
        failure_count = 0
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            status = await self._run_once()
            if self._stopping.is_set():
                break
            lived_s = self._clock.monotonic() - began
            decision = after_exit(status, lived_s=lived_s, failure_count=failure_count, policy=self._policy)
            if not isinstance(decision, Again):
                return self._give_up(decision is not None and isinstance(decision, Finished))
            failure_count = decision.failure_count
            self._output.say(
                f"{self.spec.name} ended ({describe_exit(status)}); starting it again in {decision.delay_s:g} s", "yellow"
            )
            await _first_of(self._stopping, timeout_s=decision.delay_s)
        return Ended.STOPPED

    def _give_up(self, is_finished: bool) -> Ended:
        if is_finished:
            self._output.say(f"{self.spec.name} has finished; it is not started again")
            return Ended.FINISHED
        self._output.say(f"{self.spec.name} refuses its settings: stopping everything", "red")
        return Ended.HOPELESS

    async def _run_once(self) -> int:
        self._child = await Child.start(self.spec, lambda line: self._output.line(self.spec.name, line))
        if self._stopping.is_set():
            # told to stop while it was being started: `stop` found nobody to signal
            self._child.terminate()
        try:
            return await self._child.wait()
        finally:
            self._child.kill()
            self._child = None


async def _first_of(*events: asyncio.Event, timeout_s: float) -> None:
    """Return when one of the events is set, or after `timeout_s` seconds."""
    waiting = {asyncio.create_task(event.wait()) for event in events}
    try:
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
