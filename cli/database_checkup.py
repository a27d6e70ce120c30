"""The checks of `console doctor` that ask the database: reachable, migrated, durable, agreed about the time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from cli.checkups import Finding, Verdict
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
        reason = getattr(error, "orig", None) or error
        return [Finding("database", Verdict.WRONG, f"cannot be used: {reason}"), _own_clock()]
    finally:
        await engine.dispose()


def _is_not_made_yet(url: str) -> bool:
    return is_sqlite(url) and not Path(make_url(url).database or "").exists()


async def _ask(connection: AsyncConnection, settings: Settings) -> AsyncIterator[Finding]:
    is_embedded = connection.dialect.name == "sqlite"
    version = await connection.scalar(text("SELECT sqlite_version()" if is_embedded else "SELECT VERSION()"))
    yield Finding("database", Verdict.FINE, f"{connection.dialect.name} {version} answers")
    try:
        await require_schema(connection)
        yield Finding("schema", Verdict.FINE, "at this program's newest migration")
    except NotMigrated as error:
        yield Finding("schema", Verdict.WRONG, str(error))
    yield await _durable(connection, settings)
    yield _own_clock() if is_embedded else await _clocks_agree(connection)


async def _durable(connection: AsyncConnection, settings: Settings) -> Finding:
    if await durability(connection) == "strict":
        return Finding("durability", Verdict.FINE, "strict: a commit is on disk before it is acknowledged")
    verdict = Verdict.WRONG if settings.durability == "strict" else Verdict.RISK
    return Finding(
        "durability",
        verdict,
        "relaxed: a power cut may lose acknowledged writes; set innodb_flush_log_at_trx_commit=1 and sync_binlog=1",
    )


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
