"""`python -m queue_service`: the queue service in the foreground.

Exit status: 0 after a drained stop, 78 for wrong settings, 70 when another leader took over, 1 for anything else.
"""

import os
import sys

import structlog
import uvloop
from sqlalchemy.exc import SQLAlchemyError

from queue_service.administrator import ensure_administrator
from queue_service.filelock import AlreadyRunning, lock_database
from queue_service.service import QueueService
from queue_service.store.faults import DatabaseFault
from queue_service.transport.app import build_app
from queue_service.writer.fence import AnotherLeader
from shared.clock import SystemClock
from shared.db.health import NotMigrated
from shared.entry import begin
from shared.errors import ConsoleError
from shared.http.serve import PortTaken, listen, serve
from shared.settings import EXIT_BAD_SETTINGS, Settings, SettingsError

EXIT_DEPOSED = 70
_PREVENTS_STARTING = (
    *(PortTaken, AlreadyRunning, AnotherLeader, NotMigrated),
    *(ConsoleError, DatabaseFault, SQLAlchemyError, OSError),
)

log = structlog.get_logger("queue_service")


def main() -> int:
    settings = begin(os.environ, lambda _: "queue")
    try:
        return uvloop.run(_run(settings))
    except SettingsError as error:
        log.error("settings_refused", problems=error.problems)
        return EXIT_BAD_SETTINGS
    except _PREVENTS_STARTING as error:
        log.error("not_started", reason=str(error))
        return 1


async def _run(settings: Settings) -> int:
    # the port first: holding it proves that the last leader at this address is dead
    listener = listen(settings.queue_host, settings.queue_port)
    held = lock_database(settings.database)
    service = QueueService(settings, SystemClock(), on_deposed=_leave_at_once)
    await service.start()
    await ensure_administrator(service)
    await serve(build_app(service), listener, on_stop=service.begin_stop)
    await service.stop()
    if held is not None:
        held.close()
    return 0


def _leave_at_once() -> None:
    """Nothing may be answered any more, not even by an orderly shutdown."""
    os._exit(EXIT_DEPOSED)


if __name__ == "__main__":
    sys.exit(main())
