"""Reading sign-ins and what is held against whoever tries to."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.tables import sign_in_throttle, user_session, user_table
from shared.model import Throttle, User, UserSession

_SESSION_COLUMNS = len(user_session.c)


async def with_user(engine: AsyncEngine, session_id: int) -> tuple[UserSession, User] | None:
    """A session, over or not, and the person it belongs to, deleted or not; None when there is no such session."""
    statement = (
        select(user_session, user_table)
        .join(user_table, user_table.c.id == user_session.c.user_id)
        .where(user_session.c.id == session_id)
    )
    async with engine.connect() as connection:
        row = (await connection.execute(statement)).first()
    return None if row is None else (UserSession(*row[:_SESSION_COLUMNS]), User(*row[_SESSION_COLUMNS:]))


async def throttles(engine: AsyncEngine, subjects: Collection[str]) -> Sequence[Throttle]:
    """What is held against these subjects."""
    async with engine.connect() as connection:
        rows = await connection.execute(
            select(sign_in_throttle).where(sign_in_throttle.c.subject.in_(sorted(subjects)))
        )
        return [Throttle(*row) for row in rows]
