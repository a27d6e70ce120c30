"""A log file that makes room for itself: rotated by size, with a bounded number of former ones."""

import fcntl
import os
import stat
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 10 << 20
OLD_FILES: Final = 5

_CLOSED: Final = -1


class RotatedFile:
    """`x.log`, and up to `old_files` former ones, `x.log.1` the newest. Not for several threads at once.

    Several processes may append to one file without tearing lines or losing a rotation. A file that somebody moved
    away or deleted is made anew.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, old_files: int = OLD_FILES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._old_files = old_files
        self._descriptor = _CLOSED
        self._is_torn = False

    def open(self) -> None:
        """Make it, readable by its owner and group, and its folder, unless they are there. Raises OSError."""
        self.close()
        self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        found = os.fstat(self._descriptor)
        # of a process that was killed, or of a disk that was full
        self._is_torn = (
            stat.S_ISREG(found.st_mode)
            and found.st_size > 0
            and os.pread(self._descriptor, 1, found.st_size - 1) != b"\n"
        )

    def append(self, lines: list[bytes]) -> None:
        """Append whole lines, each with its line end. Raises OSError having written some of them or none."""
        room = self._room()
        chunk: list[bytes] = []
        for line in lines:
            if room is not None and len(line) > room:
                self._write(b"".join(chunk))
                chunk = []
                room = self._rotate()
            chunk.append(line)
            room = None if room is None else room - len(line)
        self._write(b"".join(chunk))

    def close(self) -> None:
        if self._descriptor != _CLOSED:
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _room(self) -> int | None:
        """Bytes until the next rotation; None for what is no file of ours to move (a device, a pipe)."""
        if self._descriptor == _CLOSED or not self._is_in_place():
            self.open()
        found = os.fstat(self._descriptor)
        # a line longer than a whole file has one to itself
        return max(self._max_bytes - found.st_size, 0) if stat.S_ISREG(found.st_mode) else None

    def _is_in_place(self) -> bool:
        with suppress(FileNotFoundError):
            return os.path.samestat(self.path.stat(), os.fstat(self._descriptor))
        return False

    def _rotate(self) -> int | None:
        if os.fstat(self._descriptor).st_size:
            # the lock goes with the file: whoever had to wait for it finds another one in its place
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                if self._is_in_place():
                    self._move_up()
            finally:
                self.open()  # lets go of the lock
            return self._room()
        return self._max_bytes

    def _move_up(self) -> None:
        names = [self.path, *(Path(f"{self.path}.{number}") for number in range(1, self._old_files + 1))]
        for source, target in reversed(list(pairwise(names))):
            with suppress(FileNotFoundError):
                source.replace(target)

    def _write(self, data: bytes) -> None:
        if self._is_torn and data:
            data = b"\n" + data
        view = memoryview(data)
        while view:
            written = os.write(self._descriptor, view)
            view = view[written:]
            # true from here on if the next write fails: what stands there has no line end yet
            self._is_torn = bool(view)
