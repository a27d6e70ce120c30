"""What concerns people beyond their own rows: who administers; sign-ins and throttles that have served their time."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Column, Table, delete, select

from queue_service.store.session import Transaction
from shared.db.tables import sign_in_throttle, user_session, user_table


async def administrators(tx: Transaction, *, limit: int) -> Sequence[int]:
    """The ids of at most `limit` accounts that are administrators."""
    c = user_table.c
    found = await tx.execute(select(c.id).where(c.role == "admin", c.deleted_at.is_(None)).limit(limit))
    return [row.id for row in found]


async def prune_sessions(tx: Transaction, *, expired_before: datetime, limit: int) -> int:
    """Forget at most `limit` sessions that expired before an instant; how many were forgotten."""
    return await _prune(tx, user_session, user_session.c.expires_at, expired_before, limit)


async def prune_throttles(tx: Transaction, *, older_than: datetime, limit: int) -> int:
    """Forget at most `limit` throttles that have counted nothing since an instant; how many were forgotten."""
    return await _prune(tx, sign_in_throttle, sign_in_throttle.c.updated_at, older_than, limit)


async def _prune(tx: Transaction, table: Table, at: Column[datetime], before: datetime, limit: int) -> int:
    found = await tx.execute(select(table.c.id).where(at < before).order_by(at).limit(limit))
    doomed = [row.id for row in found]
    if doomed:
        # again the time: one that was counted on or touched in between stays
        await tx.execute(delete(table).where(table.c.id.in_(doomed), at < before))
    return len(doomed)
