"""See before anything starts whether every port is free."""

import errno
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WantedPort:
    """A port that one of our processes will listen on, and the setting that moves it."""

    process: str
    host: str
    port: int
    setting: str


def problems_of(wanted: Iterable[WantedPort]) -> Iterator[str]:
    """One sentence for each port that cannot be had, naming the port, who wants it and what changes it."""
    claimed: dict[int, WantedPort] = {}
    for each in wanted:
        if (other := claimed.setdefault(each.port, each)) is not each:
            yield f"port {each.port} is wanted by {other.process} and by {each.process}: change it with {each.setting}"
        elif reason := _why_not(each):
            yield f"port {each.port}, wanted by {each.process}, {reason}: change it with {each.setting}"


def _why_not(wanted: WantedPort) -> str | None:
    family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
    try:
        socket.create_server((wanted.host, wanted.port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "is taken by another program"
        return f"cannot be used ({error.strerror or error})"
    return None
