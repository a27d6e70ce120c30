"""Keep one child running: run it again when it dies, until it is done, hopeless or told to stop."""

import asyncio
from enum import Enum

from cli.child import Child, ChildSpec
from cli.output import Output
from cli.restart import Again, Finished, Hopeless, RestartPolicy, after_exit, describe_exit
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
        self._has_run = False
        self._stopping = asyncio.Event()
        self._over = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether the child ran and has ended for good."""
        return self._over.is_set()

    async def run(self) -> Ended:
        """Run the child until it is not to be run again. Cancelled, it kills the child."""
        self._has_run = True
        try:
            return await self._keep()
        finally:
            if self._child:
                self._child.kill()
            self._over.set()

    async def stop(self, grace_s: float, at_once: asyncio.Event) -> bool:
        """Send SIGTERM, wait up to `grace_s` seconds or until `at_once` is set, then SIGKILL.

        Returns whether it had to be killed; False at once, and it never will run, when it did not run yet.
        """
        self._stopping.set()
        if not self._has_run:
            return False
        if self._child:
            self._child.terminate()
        await _first_of(self._over, at_once, timeout_s=grace_s)
        if self._over.is_set():
            return False
        reason = "killed on request" if at_once.is_set() else f"did not stop within {grace_s:g} s: killed"
        self._say(reason, "red")
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
            match decision:
                case Finished():
                    self._say("has finished; it is not started again", "")
                    return Ended.FINISHED
                case Hopeless():
                    self._say("refuses its settings: stopping everything", "red")
                    return Ended.HOPELESS
                case Again(delay_s, failure_count):
                    self._say(f"ended ({describe_exit(status)}); starting it again in {delay_s:g} s", "yellow")
                    await _first_of(self._stopping, timeout_s=delay_s)
        return Ended.STOPPED

    def _say(self, what: str, style: str) -> None:
        self._output.say(f"{self.spec.name} {what}", style)

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
