"""Reading sign-ins and what is held against whoever tries to."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.signed_in import SignedIn
from shared.db.people import OF_A_PLACE, OF_A_USER, person_of, with_places
from shared.db.tables import sign_in_throttle, user_session, user_table
from shared.model import Throttle, UserSession

_OF_A_SESSION: Final = tuple(user_session.columns)
_AT_ONCE: Final = 500


async def with_person(engine: AsyncEngine, session_id: int) -> SignedIn | None:
    """A session, over or not, and the person it belongs to, deleted or not; None when there is no such session."""
    async with engine.connect() as connection:
        row = (await connection.execute(_joined().where(user_session.c.id == session_id))).first()
    return None if row is None else _signed_in(row)


async def with_people(engine: AsyncEngine, session_ids: Collection[int]) -> list[SignedIn]:
    """Many of them at once: those sessions that exist."""
    ids = sorted(session_ids)
    found: list[SignedIn] = []
    async with engine.connect() as connection:
        for start in range(0, len(ids), _AT_ONCE):
            wanted = _joined().where(user_session.c.id.in_(ids[start : start + _AT_ONCE]))
            found += [_signed_in(row) for row in await connection.execute(wanted)]
    return found


async def throttles(engine: AsyncEngine, subjects: Collection[str]) -> Sequence[Throttle]:
    """What is held against these subjects."""
    async with engine.connect() as connection:
        rows = await connection.execute(
            select(sign_in_throttle).where(sign_in_throttle.c.subject.in_(sorted(subjects)))
        )
        return [Throttle(*row) for row in rows]


def _joined() -> Select[Any]:
    accounts = with_places(user_session.join(user_table, user_table.c.id == user_session.c.user_id))
    return select(*_OF_A_SESSION, *OF_A_USER, *OF_A_PLACE).select_from(accounts)


def _signed_in(row: Sequence[Any]) -> SignedIn:
    user, place = person_of(row[len(_OF_A_SESSION) :])
    return SignedIn(UserSession(*row[: len(_OF_A_SESSION)]), user, place)
