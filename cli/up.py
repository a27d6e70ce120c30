"""`console up`: checks, migrates, then runs the cluster in the foreground until Ctrl-C."""

import asyncio
import signal
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Final

from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from cli.cluster import Cluster, find_caddy
from cli.output import Output
from cli.ports import problems_of
from cli.supervisor import Patience, Supervisor
from shared.clock import SystemClock
from shared.settings import Settings

EXIT_CANNOT_START: Final = 1
# SIGHUP: the terminal was closed; the cluster drains instead of being cut off
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(
    settings: Settings,
    environ: Mapping[str, str],
    console: Console,
    *,
    with_edge: bool = True,
    patience: Patience | None = None,
) -> int:
    """Run the cluster; returns the exit status (0 clean, 1 could not start or had to kill, 78 settings refused).

    `settings` has both secrets; `environ` is what the children inherit besides.
    """
    caddy = find_caddy(environ.get("PATH")) if with_edge else None
    if with_edge and caddy is None:
        console.print("caddy is not installed: run `make setup`, or leave the edge out with --no-edge", style="red")
        return EXIT_CANNOT_START
    cluster = Cluster(settings, environ, caddy)
    stages = [stage for stage in cluster.stages() if stage]
    output = Output(console, [spec.name for stage in stages for spec in stage])
    if problems := list(problems_of(cluster.ports())):
        for problem in problems:
            output.say(problem, "red")
        output.say("is another `console up` running?", "")
        return EXIT_CANNOT_START
    if not _migrate(settings, output):
        return EXIT_CANNOT_START
    supervisor = Supervisor(stages, output, SystemClock(), patience)
    return asyncio.run(supervise(supervisor, lambda: _show_urls(cluster, console)))


def _migrate(settings: Settings, output: Output) -> bool:
    # here, not at the top: Alembic takes a moment to import, and a taken port should be told at once
    from alembic.util.exc import CommandError

    from cli.migration import reason_of
    from shared.db import migrate

    began = perf_counter()
    try:
        with output.busy("migrating the database"):
            migrate.upgrade(settings.database)
    except (CommandError, SQLAlchemyError, OSError) as error:
        output.say(f"the database cannot be migrated: {reason_of(settings, error)}", "red")
        return False
    output.say(f"database up to date after {perf_counter() - began:.1f} s", "green")
    return True


async def supervise(supervisor: Supervisor, when_up: Callable[[], None]) -> int:
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, supervisor.stop)
    return await supervisor.run(when_up)


def _show_urls(cluster: Cluster, console: Console) -> None:
    table = Table.grid(padding=(0, 2))
    for what, url in cluster.urls():
        table.add_row(what, url)
    table.add_row("Stop", "Ctrl-C (again to stop at once)")
    console.print()
    console.print(table)
    console.print()
