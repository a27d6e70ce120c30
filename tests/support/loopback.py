"""Ports on 127.0.0.1, for servers that are started a moment later: nobody else takes them until then."""

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import IO, Final

_BLOCK: Final = 100
_BLOCKS: Final = range(15_000, 32_000, _BLOCK)
"""Linux numbers outgoing connections from 32768 up: a port from there could be taken while its server is down."""


def free_port() -> int:
    """Return a TCP port that nobody listens on at this moment, that no other process of tests is given, and that is not
    given to outgoing connections. Raises OSError when there is none."""
    ports, _ = _mine()
    for _ in range(_BLOCK):
        port = next(ports)
        with socket.socket() as probe:
            # As servers do it: connections that linger after their server's end do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free TCP port on 127.0.0.1 of the {_BLOCK} that are this process's")


@cache
def _mine() -> "tuple[cycle[int], IO[str]]":
    """A block of ports that is this process's alone, each in its turn, and the lock that says so: it goes with the
    process. Two that each probe for themselves sooner or later find the same one, and then talk to each other's
    servers."""
    folder = Path(tempfile.gettempdir()) / f"console-test-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for start in random.sample(_BLOCKS, len(_BLOCKS)):
        lock = (folder / str(start)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        return cycle(random.sample(range(start, start + _BLOCK), _BLOCK)), lock
    raise OSError("every block of ports is another process's")
