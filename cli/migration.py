"""`console migrate`: bring the schema up; take it down once a person agreed and no queue service writes."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.util.exc import CommandError
from rich.console import Console
from sqlalchemy import make_url
from sqlalchemy.exc import NoResultFound, SQLAlchemyError

from cli.database_trouble import describe
from queue_service.filelock import AlreadyRunning, lock_database
from queue_service.store import leader
from queue_service.store.faults import DatabaseFault
from queue_service.store.session import Session
from queue_service.writer.fence import LEASE_S, AnotherLeader
from shared.clock import Clock, SystemClock
from shared.db import migrate
from shared.db.database import is_sqlite, writer_engine
from shared.settings import Settings

EXIT_NOT_MIGRATED = 1
_NO_SUCH_TABLE = 1146


class Refused(Exception):
    """Nothing was changed; the message says why and what to do."""


def run(settings: Settings, console: Console, *, to: str, down: str | None, agree: Callable[[str], bool]) -> int:
    """Migrate up to `to`, or down to `down` if it is given and `agree` says yes to its question.

    Prints one line; returns 0, or 1 when nothing was done. `agree` may raise Refused.
    """
    try:
        if down is None:
            migrate.upgrade(settings.database, to)
        else:
            _downgrade(settings, down, agree)
        line, status = f"the database is at {migrate.current(settings.database) or 'base'}", 0
    except (Refused, AlreadyRunning, AnotherLeader) as error:
        line, status = f"nothing was changed: {error}", EXIT_NOT_MIGRATED
    except (CommandError, SQLAlchemyError, OSError) as error:
        line, status = f"the database cannot be migrated: {reason_of(settings, error)}", EXIT_NOT_MIGRATED
    console.print(line, style="red" if status else None, soft_wrap=True, markup=False, highlight=False)
    return status


def reason_of(settings: Settings, error: CommandError | SQLAlchemyError | OSError) -> str:
    """One line about a migration that failed: Alembic's own words, or what is wrong with the database."""
    return " ".join(str(error).split()) if isinstance(error, CommandError) else describe(settings, error)


def _downgrade(settings: Settings, down: str, agree: Callable[[str], bool]) -> None:
    url = make_url(settings.database)
    if is_sqlite(settings.database) and not Path(url.database or "").exists():
        raise Refused(f"there is no database at {url.database}")
    if not agree(f"Going down to {down} deletes tables with all their data from {url.render_as_string()}. Go on?"):
        raise Refused("you did not agree")
    with _without_queue_service(settings.database, SystemClock()):
        migrate.downgrade(settings.database, down)


@contextmanager
def _without_queue_service(database_url: str, clock: Clock) -> Iterator[None]:
    """Raise AlreadyRunning or AnotherLeader while a queue service leads. On SQLite none can start inside, either."""
    lock = lock_database(database_url)
    try:
        if lock is None:
            asyncio.run(_require_no_leader(database_url, clock))
        yield
    finally:
        if lock:
            lock.close()


async def _require_no_leader(database_url: str, clock: Clock) -> None:
    engine = writer_engine(database_url)
    session = Session(engine)
    try:
        async with session.transaction() as tx:
            last = await leader.look(tx)
    except DatabaseFault as fault:
        if _has_no_leader_table(fault.cause):
            return
        raise fault.cause from None
    finally:
        await session.close()
        await engine.dispose()
    silence_s = (clock.now() - last.beat_at).total_seconds()
    if abs(silence_s) < LEASE_S:
        raise AnotherLeader(
            f"the queue service {last.holder} at {last.address} leads this database (last beat {silence_s:.1f} s ago): "
            "stop it first"
        )


def _has_no_leader_table(cause: BaseException) -> bool:
    """Whether the database is empty: it has no table of leaders, or one without its row."""
    arguments = getattr(getattr(cause, "orig", None), "args", ())
    return isinstance(cause, NoResultFound) or arguments[:1] == (_NO_SUCH_TABLE,)
