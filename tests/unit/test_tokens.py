"""Access tokens that were seen before: remembered, but not longer than they are good, and not without bound."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from api_node import tokens
from api_node.signed_tokens import Named, SigningKeys
from api_node.tokens import AccessTokens
from shared.clock import SystemClock
from shared.errors import Unauthenticated
from shared.settings import Settings
from tests.support.clocks import MovableClock
from tests.support.signing import KEYS, OTHER_KEYS


def _ends() -> datetime:
    return datetime.now(UTC) + timedelta(days=7)


def test_a_token_that_was_remembered_expires_all_the_same() -> None:
    clock = MovableClock()
    access = AccessTokens(KEYS, ttl_s=60, clock=clock)
    token = access.mint(Named(1, 7, 2), _ends()).text
    assert [access.read(token) for _ in range(2)] == [Named(1, 7, 2)] * 2
    clock.let_pass(timedelta(seconds=61))
    for _ in range(2):
        # the library looks at the machine's own clock: what refuses here is our memory, and then nothing remembers it
        with pytest.raises(Unauthenticated):
            access.read(token)


def test_no_more_tokens_are_remembered_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_REMEMBERED", 3)
    access = AccessTokens(KEYS, ttl_s=60, clock=SystemClock())
    for user_id in range(10):
        named = Named(user_id, 1, 1)
        assert access.read(access.mint(named, _ends()).text) == named
    assert len(access._verified) == 3


def test_a_key_that_signed_before_is_read_until_it_is_taken_out_and_signs_no_more() -> None:
    (_, former), (_, present) = KEYS.signing, OTHER_KEYS.signing
    both = SigningKeys.of(Settings(jwt_secret=present, jwt_former_secret=former))
    before, during, after = (AccessTokens(keys, ttl_s=60, clock=SystemClock()) for keys in (KEYS, both, OTHER_KEYS))
    named = Named(1, 1, 1)
    old, new = before.mint(named, _ends()).text, during.mint(named, _ends()).text
    assert during.read(old) == during.read(new) == after.read(new) == named
    for reader, token in ((after, old), (before, new)):
        with pytest.raises(Unauthenticated):
            reader.read(token)


def test_a_token_of_a_node_whose_clock_is_ahead_is_good_at_once() -> None:
    ahead = AccessTokens(KEYS, ttl_s=60, clock=MovableClock(wall_ahead=timedelta(seconds=50)))
    here = AccessTokens(KEYS, ttl_s=60, clock=SystemClock())
    assert here.read(ahead.mint(Named(1, 1, 1), _ends()).text) == Named(1, 1, 1)


@pytest.mark.parametrize("kid", [None, "", "nobody's", "../../etc/passwd"])
def test_the_id_of_a_key_is_looked_up_and_never_followed(kid: object) -> None:
    _, key = KEYS.signing
    access = AccessTokens(KEYS, ttl_s=60, clock=SystemClock())
    claims = jwt.decode(access.mint(Named(1, 1, 1), _ends()).text, options={"verify_signature": False})
    head = {"typ": "at+jwt"} | ({} if kid is None else {"kid": kid})
    with pytest.raises(Unauthenticated):
        access.read(jwt.encode(claims, key, "HS256", headers=head))
