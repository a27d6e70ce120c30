"""Many sign-ins at once: those of everybody who listens, a few times a second at most."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.tables import user_session, user_table
from shared.model import User, UserSession

_AT_ONCE: Final = 500
_SESSION_COLUMNS: Final = len(user_session.c)


async def with_users(engine: AsyncEngine, session_ids: Collection[int]) -> list[tuple[UserSession, User]]:
    """Those sessions that exist, over or not, each with its person, deleted or not."""
    ids = sorted(session_ids)
    pairs = select(user_session, user_table).join(user_table, user_table.c.id == user_session.c.user_id)
    found: list[tuple[UserSession, User]] = []
    async with engine.connect() as connection:
        for start in range(0, len(ids), _AT_ONCE):
            rows = await connection.execute(pairs.where(user_session.c.id.in_(ids[start : start + _AT_ONCE])))
            found += [(UserSession(*row[:_SESSION_COLUMNS]), User(*row[_SESSION_COLUMNS:])) for row in rows]
    return found
