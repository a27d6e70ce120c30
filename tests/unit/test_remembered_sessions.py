"""What a node remembers of sign-ins: for how long, how many, and what it forgets at once."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api_node import remembered
from api_node.sessions import Sessions
from api_node.signed_in import SignedIn
from api_node.tokens import AccessTokens
from shared.db.database import reader_engine
from shared.errors import Unauthenticated
from shared.model import UserSession
from tests.support.clocks import MovableClock
from tests.support.people import account, place
from tests.support.signing import KEYS

NOW = datetime.now(UTC)
_OF_ONE = {
    "a session": lambda s: s.forget(1),
    "a person": lambda s: s.forget_all_of(1),
    "rights": lambda s: s.forget_rights(1),
}
_ALL = _OF_ONE | {"everybody's rights": lambda s: s.forget_rights("everybody")}
OF_ONE = pytest.mark.parametrize("forget", _OF_ONE.values(), ids=_OF_ONE.keys())
HOWEVER = pytest.mark.parametrize("forget", _ALL.values(), ids=_ALL.keys())


class Read(Sessions):
    """Sessions whose reads are counted and held up; `ended` are over in the database."""

    def __init__(self, path: Path, clock: MovableClock) -> None:
        engine = reader_engine(f"sqlite:///{path / 'none.db'}", 1)
        super().__init__(engine, AccessTokens(KEYS, ttl_s=60, clock=clock), clock)
        self.read_ids: list[int] = []
        self.ended: set[int] = set()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def read(self, session_id: int) -> SignedIn | None:
        self.read_ids.append(session_id)
        found = SignedIn(session(session_id, NOW if session_id in self.ended else None), account(session_id), place())
        await self.goes_on.wait()
        return found


def session(number: int, ended_at: datetime | None) -> UserSession:
    ends_at = NOW + timedelta(days=1)
    return UserSession(number, number, 1, "f", "c", None, ends_at, ended_at, 1, NOW, NOW)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def sessions(tmp_path: Path, clock: MovableClock) -> Read:
    return Read(tmp_path, clock)


async def test_a_session_is_read_again_after_three_seconds(sessions: Read, clock: MovableClock) -> None:
    for _ in range(5):
        await sessions.of(1)
    assert sessions.read_ids == [1]
    clock.let_pass(timedelta(seconds=2.9))
    await sessions.of(1)
    assert sessions.read_ids == [1]
    clock.let_pass(timedelta(seconds=0.2))
    sessions.ended.add(1)
    with pytest.raises(Unauthenticated):
        await sessions.of(1)


async def test_the_three_seconds_begin_before_the_read(sessions: Read, clock: MovableClock) -> None:
    sessions.goes_on.clear()
    reading = asyncio.create_task(sessions.of(1))
    await asyncio.sleep(0)
    clock.let_pass(timedelta(seconds=3))
    sessions.goes_on.set()
    await reading
    await sessions.of(1)
    assert sessions.read_ids == [1, 1]


@HOWEVER
async def test_what_this_node_changed_is_forgotten_even_while_it_is_being_read(
    sessions: Read, forget: Callable[[Sessions], None]
) -> None:
    sessions.goes_on.clear()
    reading = asyncio.create_task(sessions.of(1))
    await asyncio.sleep(0)
    sessions.ended.add(1)
    forget(sessions)
    sessions.goes_on.set()
    await reading  # it began before the logout, so either answer is right
    with pytest.raises(Unauthenticated):
        await sessions.of(1)


@OF_ONE
async def test_forgetting_one_leaves_the_others(sessions: Read, forget: Callable[[Sessions], None]) -> None:
    for number in (1, 2):
        await sessions.of(number)
    forget(sessions)
    for number in (1, 2):
        await sessions.of(number)
    assert sessions.read_ids == [1, 2, 1]


async def test_the_oldest_gives_way(sessions: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MAX_REMEMBERED", 2)
    for number in (1, 2, 3, 2, 3, 1):
        await sessions.of(number)
    assert sessions.read_ids == [1, 2, 3, 1]
