"""Reading accounts."""

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.tables import user_table
from shared.model import User


async def by_id(engine: AsyncEngine, user_id: int) -> User | None:
    """The account, deleted or not; None when there never was one."""
    return await _one(engine, user_table.c.id == user_id)


async def by_email(engine: AsyncEngine, email: str) -> User | None:
    """The account of an e-mail address as it is stored (lower case)."""
    return await _one(engine, user_table.c.email == email)


async def _one(engine: AsyncEngine, condition: ColumnElement[bool]) -> User | None:
    async with engine.connect() as connection:
        row = (await connection.execute(select(user_table).where(condition))).first()
    return None if row is None else User(*row)
