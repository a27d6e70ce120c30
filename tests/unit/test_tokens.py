"""Access tokens that were seen before: remembered, but not longer than they are good, and not without bound."""

from datetime import UTC, datetime, timedelta

import pytest

from api_node import tokens
from api_node.tokens import AccessTokens, Named
from shared.clock import SystemClock
from shared.errors import Unauthenticated
from tests.support.clocks import MovableClock
from tests.support.writer import SECRET


def _ends() -> datetime:
    return datetime.now(UTC) + timedelta(days=7)


def test_a_token_that_was_remembered_expires_all_the_same() -> None:
    clock = MovableClock()
    access = AccessTokens(SECRET, ttl_s=60, clock=clock)
    token = access.mint(1, 2, _ends()).text
    assert [access.read(token) for _ in range(2)] == [Named(1, 2)] * 2
    clock.let_pass(timedelta(seconds=61))
    for _ in range(2):
        # the library looks at the machine's own clock: what refuses here is our memory, and then nothing remembers it
        with pytest.raises(Unauthenticated):
            access.read(token)


def test_no_more_tokens_are_remembered_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_REMEMBERED", 3)
    access = AccessTokens(SECRET, ttl_s=60, clock=SystemClock())
    for user_id in range(10):
        assert access.read(access.mint(user_id, 1, _ends()).text) == Named(user_id, 1)
    assert len(access._verified) == 3
