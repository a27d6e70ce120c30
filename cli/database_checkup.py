"""The checks of `console doctor` that ask the database: reachable, migrated, durable, agreed about the time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from cli.checkups import Finding, Verdict
from cli.database_trouble import describe
from shared.clock import SystemClock
from shared.db.database import is_sqlite, writer_engine
from shared.db.health import NotMigrated, durability, require_schema
from shared.settings import Settings

_CLOCKS_MAY_DIFFER_S: Final = 2.0
_BUILT: Final = datetime(2026, 1, 1, tzinfo=UTC)


async def database(settings: Settings) -> list[Finding]:
    """Every finding about the database; one, when it cannot be reached. Changes nothing in it."""
    url = settings.database
    if _is_not_made_yet(url):
        return [Finding("database", Verdict.RISK, f"{url} does not exist yet: `console up` makes it"), _own_clock()]
    engine = writer_engine(url)
    try:
        async with engine.connect() as connection:
            return [finding async for finding in _ask(connection, settings)]
    except (SQLAlchemyError, OSError) as error:
        return [Finding("database", Verdict.WRONG, describe(settings, error)), _own_clock()]
    finally:
        await engine.dispose()


def _is_not_made_yet(url: str) -> bool:
    return is_sqlite(url) and not Path(make_url(url).database or "").exists()


async def _ask(connection: AsyncConnection, settings: Settings) -> AsyncIterator[Finding]:
    is_embedded = connection.dialect.name == "sqlite"
    version = str(await connection.scalar(text("SELECT sqlite_version()" if is_embedded else "SELECT VERSION()")))
    yield Finding("database", Verdict.FINE, f"{_product(version, is_embedded)} answers")
    try:
        await require_schema(connection)
        yield Finding("schema", Verdict.FINE, "at this program's newest migration")
    except NotMigrated as error:
        yield Finding("schema", Verdict.WRONG, str(error))
    yield await _durable(connection, settings)
    yield _own_clock() if is_embedded else await _clocks_agree(connection)


def _product(version: str, is_embedded: bool) -> str:
    """Its name and number: `VERSION()` of a MariaDB is `10.11.6-MariaDB-0+deb12u1`."""
    if is_embedded:
        return f"SQLite {version}"
    return f"{'MariaDB' if 'mariadb' in version.lower() else 'MySQL'} {version.split('-')[0]}"


async def _durable(connection: AsyncConnection, settings: Settings) -> Finding:
    if await durability(connection) == "strict":
        return Finding("durability", Verdict.FINE, "strict: a commit is on disk before it is acknowledged")
    # only a server can be relaxed: on SQLite this connection has just set synchronous=FULL
    is_refused = settings.durability == "strict"
    consequence = (
        "DURABILITY=strict refuses to start on it" if is_refused else "a power cut may lose acknowledged writes"
    )
    remedy = " and ".join([f"{name}=1 (it is {value})" for name, value in await _relaxed_variables(connection)])
    return Finding(
        "durability",
        Verdict.WRONG if is_refused else Verdict.RISK,
        f"relaxed: {consequence}; set {remedy} on the server",
    )


async def _relaxed_variables(connection: AsyncConnection) -> list[tuple[str, int]]:
    """The server's variables that keep it from being strict, with their values."""
    names = ["innodb_flush_log_at_trx_commit"]
    if await connection.scalar(text("SELECT @@global.log_bin")):
        names.append("sync_binlog")
    values = [(name, int(await connection.scalar(text(f"SELECT @@global.{name}")) or 0)) for name in names]
    return [(name, value) for name, value in values if value != 1]


async def _clocks_agree(connection: AsyncConnection) -> Finding:
    theirs = await connection.scalar(text("SELECT UTC_TIMESTAMP(3)"))
    if not isinstance(theirs, datetime):
        return Finding("clock", Verdict.RISK, "the database does not tell the time")
    apart_s = abs((SystemClock().now() - theirs.replace(tzinfo=UTC)).total_seconds())
    if apart_s > _CLOCKS_MAY_DIFFER_S:
        return Finding("clock", Verdict.RISK, f"{apart_s:.1f} s apart from the database's: run an NTP client on both")
    return _own_clock()


def _own_clock() -> Finding:
    now = SystemClock().now()
    if now < _BUILT:
        return Finding("clock", Verdict.WRONG, f"it says {now:%Y-%m-%d}, before this program was written: set it")
    return Finding("clock", Verdict.FINE, f"{now:%Y-%m-%d %H:%M:%S} UTC")
