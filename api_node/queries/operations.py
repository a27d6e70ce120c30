"""Reading what became of a write that was answered 202, for the person who sent it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.tables import stored_answer, stored_command
from shared.model import User


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `request` is a `shared.wire.DeferredRequest` in JSON. `status` and `body`, its answer or refusal,
    are None while it waits."""

    public_id: str
    request: str
    created_at: datetime
    ended_at: datetime | None
    status: int | None
    body: str | None


async def by_public_id(engine: AsyncEngine, viewer: User, public_id: str) -> Operation | None:
    """The operation if it is this person's; None for one that is absent, somebody else's, or forgotten by now."""
    command, answer = stored_command.c, stored_answer.c
    wanted = (
        select(command.public_id, command.request, command.created_at, command.ended_at, answer.status, answer.body)
        .join_from(stored_command, stored_answer, answer.operation_id == command.operation_id, isouter=True)
        .where(command.public_id == public_id, command.actor_id == viewer.id)
    )
    async with engine.connect() as connection:
        row = (await connection.execute(wanted)).first()
    found = None if row is None else Operation(*row)
    # one that ended and has no answer any more is half forgotten
    return None if found is not None and found.ended_at is not None and found.status is None else found
