"""The log files of a process, written by a thread of their own: a slow disk holds up no request.

Lines that come together are written together, so the caller pays for a list append, and a line is in its file within a
twentieth of a second. A disk that is full or gone costs lines of the files (they are on standard output all the same)
and two lines on standard error; never a request, and never memory without bound.
"""

import atexit
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

from shared.rotatedfile import MAX_BYTES, RotatedFile

_KINDS: Final = ("access", "app", "error")
_COLLECT_S: Final = 0.05
_TRY_AGAIN_S: Final = 5.0
_WAITING_BYTES: Final = 16 << 20
_CLOSE_WITHIN_S: Final = 2.0


class LogFiles:
    """`<name>.access.log`, `<name>.app.log` and `<name>.error.log` in a folder, kept by a thread until `close`."""

    def __init__(
        self, folder: Path, name: str, *, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = monotonic
    ) -> None:
        """Raises OSError when one of them cannot be made."""
        made = {kind: RotatedFile(folder / f"{name}.{kind}.log", max_bytes=max_bytes) for kind in _KINDS}
        for file in made.values():
            file.open()
        self._targets = {kind: _Target(file, clock) for kind, file in made.items()}
        self._lines: dict[str, list[bytes]] = {kind: [] for kind in _KINDS}
        self._bytes = self._put_count = self._written_count = 0
        self._changed = threading.Condition()
        self._is_awake = threading.Event()
        self._hurry = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="log files", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def waiting_bytes(self) -> int:
        """What was put and is not yet in its file."""
        return self._bytes

    def put(self, line: bytes, *, is_access: bool, is_error: bool) -> None:
        """Take a line with its end. Never blocks on the disk; when that is far behind, the line is lost and counted."""
        kinds = ("access" if is_access else "app", *(("error",) if is_error else ()))
        with self._changed:
            if self._is_closed:
                return
            is_full = self._bytes + len(line) > _WAITING_BYTES
            for kind in kinds:
                if is_full:
                    self._targets[kind].lost += 1
                else:
                    self._lines[kind].append(line)
            self._bytes += 0 if is_full else len(line)
            self._put_count += 1
        if not self._is_awake.is_set():
            self._is_awake.set()

    def flush(self, within_s: float) -> None:
        """Wait until what was put is in the files, but no longer than that."""
        self._hurry.set()
        self._is_awake.set()
        with self._changed:
            put_count = self._put_count
            self._changed.wait_for(lambda: self._written_count >= put_count, within_s)

    def close(self) -> None:
        """Write what is left and stop. Safe to repeat."""
        self._is_closed = True
        self.flush(_CLOSE_WITHIN_S)
        self._thread.join(_CLOSE_WITHIN_S)
        atexit.unregister(self.close)

    def _run(self) -> None:
        while not self._is_closed:
            self._is_awake.wait()
            self._hurry.wait(_COLLECT_S)
            self._hurry.clear()
            self._is_awake.clear()
            self._write_waiting()
        self._write_waiting()
        for target in self._targets.values():
            target.file.close()

    def _write_waiting(self) -> None:
        with self._changed:
            lines, self._lines = self._lines, {kind: [] for kind in _KINDS}
            count, taken = self._put_count, self._bytes
        for kind, target in self._targets.items():
            if lines[kind]:
                target.append(lines[kind])
        with self._changed:
            self._written_count = count
            self._bytes -= taken
            self._changed.notify_all()


class _Target:
    """A file that may fail for a while: told once, tried again now and then, and what it lost is counted."""

    def __init__(self, file: RotatedFile, clock: Callable[[], float]) -> None:
        self.file = file
        self.lost = 0
        self._clock = clock
        self._failed_at: float | None = None

    def append(self, lines: list[bytes]) -> None:
        if self._failed_at is not None and self._clock() - self._failed_at < _TRY_AGAIN_S:
            self.lost += len(lines)
            return
        try:
            self.file.append(lines)
        except OSError as error:
            if self._failed_at is None:
                _say(f"{self.file.path} cannot be written ({error.strerror}): its lines are on standard output alone")
            self._failed_at = self._clock()
            self.lost += len(lines)
            return
        if self.lost:
            _say(f"{self.file.path} is written again; up to {self.lost} lines are missing in it")
        self.lost, self._failed_at = 0, None


def _say(text: str) -> None:
    with suppress(OSError, ValueError):  # standard error may be gone or closed, too
        sys.stderr.write(f"LOG_DIR: {text}\n")
        sys.stderr.flush()
