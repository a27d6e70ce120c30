"""Somebody else's lock: a second session that holds rows for as long as a test wants."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomysql
from sqlalchemy import make_url

from tests.support.databases import Database


@asynccontextmanager
async def holding(database: Database, sql: str, *parameters: Any) -> AsyncIterator[None]:
    """Run a locking statement in a transaction that stays open inside the block and is rolled back after it."""
    url = make_url(database.url)
    connection = await aiomysql.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, db=url.database, autocommit=False
    )
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(sql, parameters)
            await cursor.fetchall()
        yield
        await connection.rollback()
    finally:
        connection.close()


def is_waiting_for_a_lock(database: Database) -> bool:
    """Whether some transaction on this server waits for a row lock right now.

    Ask no more often than every 0.15 s: the server renews what this reads only when nobody read it for 0.1 s.
    """
    return bool(database.rows("SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"))
