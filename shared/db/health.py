"""What a database says about itself: whether it answers, and whether a commit survives a power cut."""

from typing import Literal

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.revisions import head

Durability = Literal["strict", "relaxed"]


async def durability(connection: AsyncConnection) -> Durability:
    """`strict` when a commit is on disk before it is acknowledged.

    InnoDB: `innodb_flush_log_at_trx_commit=1`, and `sync_binlog=1` where a binary log is kept. SQLite:
    `synchronous=FULL` or EXTRA on this connection.
    """
    if connection.dialect.name == "sqlite":
        level = (await connection.execute(text("PRAGMA synchronous"))).scalar_one()
        return "strict" if int(level) >= 2 else "relaxed"
    row = (
        await connection.execute(
            text("SELECT @@global.innodb_flush_log_at_trx_commit, @@global.log_bin, @@global.sync_binlog")
        )
    ).one()
    flush, keeps_binlog, sync_binlog = (int(value) for value in row)
    return "strict" if flush == 1 and (not keeps_binlog or sync_binlog == 1) else "relaxed"


class NotMigrated(Exception):
    """The schema is not the one this program knows; the message says what to run."""


async def require_schema(connection: AsyncConnection) -> None:
    """Raise NotMigrated unless the database is at this program's newest migration."""
    try:
        found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    except DBAPIError:
        found = None
    if found != head():
        state = f"is at migration {found}" if found else "has no tables of ours yet"
        raise NotMigrated(f"the database {state}, this program needs migration {head()}: run `console migrate`")


async def answers(connection: AsyncConnection) -> None:
    """Raise whatever the driver raises when the database does not answer."""
    await connection.execute(text("SELECT 1"))
