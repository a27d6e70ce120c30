"""Reading what became of a write: of one that was answered 202, for the person who sent it; under a key, for us."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.tables import stored_answer, stored_command
from shared.principal import Principal


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


async def fingerprint(engine: AsyncEngine, operation_id: str) -> str | None:
    """Of the request that was applied under an operation id; None when none was."""
    async with engine.connect() as connection:
        wanted = select(stored_answer.c.fingerprint).where(stored_answer.c.operation_id == operation_id)
        found: str | None = (await connection.execute(wanted)).scalar_one_or_none()
    return found


async def by_public_id(engine: AsyncEngine, viewer: Principal, public_id: str) -> Operation | None:
    """The operation if it is this person's; None for one that is absent, somebody else's, or forgotten by now."""
    command, answer = stored_command.c, stored_answer.c
    wanted = (
        select(command.public_id, command.request, command.created_at, command.ended_at, answer.status, answer.body)
        .join_from(stored_command, stored_answer, answer.operation_id == command.operation_id, isouter=True)
        .where(command.public_id == public_id, command.actor_id == viewer.user_id)
    )
    async with engine.connect() as connection:
        row = (await connection.execute(wanted)).first()
    found = None if row is None else Operation(*row)
    # one that ended and has no answer any more is half forgotten
    return None if found is not None and found.ended_at is not None and found.status is None else found
