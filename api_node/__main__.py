"""`python -m api_node`: one API node in the foreground.

Exit status: 0 after a drained stop, 78 for wrong settings, 1 for anything else.
"""

import os
import sys

import structlog
import uvloop

from api_node.app import build_app
from api_node.node import Node
from api_node.routes import SOCKETS
from shared.clock import SystemClock
from shared.entry import begin
from shared.http.serve import PortTaken, listen, serve
from shared.settings import Settings

log = structlog.get_logger("api_node")


def main() -> int:
    settings = begin(os.environ, lambda found: f"api:{found.api_port}")
    try:
        uvloop.run(_run(settings))
    except PortTaken as error:
        log.error("not_started", reason=str(error))
        return 1
    return 0


async def _run(settings: Settings) -> None:
    listener = listen(settings.api_host, settings.api_port)
    node = Node.build(settings, SystemClock(), on_broken=_leave_at_once)
    await node.start()
    log.info("serving", port=settings.api_port)
    await serve(build_app(node), listener, on_stop=node.begin_stop, sockets=[entry.path for entry in SOCKETS])
    await node.stop()
    log.info("drained")


def _leave_at_once() -> None:
    """Whoever started this process starts it again; callers under way are answered by another node."""
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
