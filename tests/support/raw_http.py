"""HTTP by hand over a blocking socket: for requests that no client library would send."""

import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from shared.jsonio import loads


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        decoded: dict[str, Any] = loads(self.body)
        return decoded


@dataclass(slots=True)
class RawConnection:
    """One connection to a port of this machine. Every read gives up after `patience_s`."""

    port: int
    patience_s: float = 15.0
    _socket: socket.socket = field(init=False)
    _unread: bytes = b""

    def __enter__(self) -> Self:
        self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=self.patience_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, *parts: bytes) -> None:
        """Each part in a segment of its own, as far as the kernel lets us. The server may hang up meanwhile."""
        for part in parts:
            self._socket.sendall(part)

    def send_until_refused(self, part: bytes, times: int) -> int:
        """Send the part again and again; how often until the server would take no more."""
        for done in range(times):
            try:
                self._socket.sendall(part)
            except (ConnectionError, TimeoutError):
                return done
        return times

    def answer(self) -> RawAnswer:
        """The next answer, by its Content-Length or its chunks."""
        head = self._up_to(b"\r\n\r\n").decode("latin-1")
        status_line, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        return RawAnswer(int(status_line.split()[1]), headers, self._exactly(int(headers.get("content-length", "0"))))

    def rest(self) -> bytes:
        """Everything until the server closes."""
        while chunk := self._receive():
            self._unread += chunk
        return self._unread

    def wait_for_a_byte(self) -> None:
        """Until the answer has begun."""
        self._need_more()

    def nothing_came(self) -> bool:
        """Whether the server has sent nothing and kept the connection, up to now."""
        self._socket.setblocking(False)
        try:
            self._unread += self._socket.recv(65_536)
        except BlockingIOError:
            return not self._unread
        finally:
            self._socket.settimeout(self.patience_s)
        return False

    def closed_after_s(self) -> float:
        """How long the server keeps the connection from now on, saying nothing."""
        started = time.monotonic()
        assert self.rest() == b""
        return time.monotonic() - started

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65_536)
        except ConnectionResetError:
            return b""

    def _up_to(self, mark: bytes) -> bytes:
        while mark not in self._unread:
            self._need_more()
        found, _, self._unread = self._unread.partition(mark)
        return found

    def _exactly(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._need_more()
        found, self._unread = self._unread[:count], self._unread[count:]
        return found

    def _need_more(self) -> None:
        chunk = self._receive()
        assert chunk, f"the server closed after {self._unread!r}"
        self._unread += chunk


def resident_bytes(pid: int) -> int:
    """What a process holds in memory now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
