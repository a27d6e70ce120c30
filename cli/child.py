"""One child process: started attached to us, its output read line by line, stopped by signals."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

_CHUNK_BYTES: Final = 64 << 10
_DRAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run and how to see that it works.

    `environ` is the child's whole environment. It counts as healthy when a GET of `health_url` answers 200; without a
    URL, as soon as it was started.
    """

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    health_url: str | None = None


class Child:
    """A running child, in a session of its own: a Ctrl-C at the terminal does not reach it, and it dies with us."""

    def __init__(self, process: asyncio.subprocess.Process, output: asyncio.Task[None]) -> None:
        self._process = process
        self._output = output

    @classmethod
    async def start(cls, spec: ChildSpec, on_line: Callable[[str], None]) -> "Child":
        """Start it; `on_line` gets each line of its standard output and error, without the line end."""
        # A pipe of our own, not asyncio's: with asyncio's, waiting for the child's end also waits for the pipe's, and a
        # grandchild may hold that open.
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cli.attached", str(os.getpid()), *spec.command),
                env=dict(spec.environ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        return cls(process, asyncio.create_task(_read(read_end, on_line)))

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """Its exit status (negative: the signal that killed it), once its last output was read."""
        status = await self._process.wait()
        await asyncio.wait({self._output}, timeout=_DRAIN_S)
        self._output.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._output
        return status

    def terminate(self) -> None:
        """Ask it to drain and stop."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and whatever it started, now."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


async def _read(descriptor: int, on_line: Callable[[str], None]) -> None:
    reader = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        async for line in _lines(reader):
            on_line(line.decode(errors="replace"))
    finally:
        transport.close()


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a stream; one longer than a chunk comes in pieces instead of filling the memory."""
    rest = b""
    while chunk := await reader.read(_CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r")
        if len(rest) >= _CHUNK_BYTES:
            yield rest
            rest = b""
    if rest:
        yield rest
