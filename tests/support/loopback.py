"""Ports on 127.0.0.1."""

import random
import socket


def free_port() -> int:
    """Return a TCP port that nobody listens on at this moment, and that is not given to outgoing connections.

    Linux numbers those from 32768 up: a port from there could be taken while a server that owns it is down.
    Raises OSError when a hundred tries find none.
    """
    for port in random.sample(range(15000, 32000), 100):
        with socket.socket() as probe:
            # As servers do it: connections that linger after their server's end do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free TCP port on 127.0.0.1")
