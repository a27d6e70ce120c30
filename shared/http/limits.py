"""What one client may cost a server: bytes and seconds, in one value that every server takes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The defaults are the published ones; tests shorten them.

    `head_s`: from the first byte of a request (or the connect) to the end of its head. `head_bytes`: the head, and
    anything that is neither head nor body (chunk extensions, trailers). `linger_s`: reading on after an early answer.
    `stalled_s`: a client that takes nothing of its answer for this long is cut off. `keep_alive_s`: an idle
    connection; longer than the edge keeps one, so that the edge, which can retry, closes first. `pipelined`: requests
    that wait on one connection for the answer before theirs. `connections`: all clients together. `ping_s`, `pong_s`:
    how often an open WebSocket is asked whether anybody is there, and how long the answer may take. `message_bytes`:
    what one of its messages to us may have.
    """

    head_s: float = 10.0
    head_bytes: int = 32 * 1024
    linger_s: float = 2.0
    stalled_s: float = 30.0
    keep_alive_s: int = 75
    pipelined: int = 16
    connections: int = 5_000
    ping_s: float = 20.0
    pong_s: float = 10.0
    message_bytes: int = 1_024
