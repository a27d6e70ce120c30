"""JSON from outside: only what every client reads back the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MalformedRequest
from shared.jsonio import MAX_DEPTH, MAX_SAFE_INTEGER, dumps, loads_untrusted

ACCEPTED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(ACCEPTED)
def test_what_is_accepted_is_what_was_sent(value: Any) -> None:
    assert loads_untrusted(json.dumps(value).encode()) == value
    assert loads_untrusted(dumps(value)) == value


@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused_and_never_crash(raw: bytes) -> None:
    try:
        value = loads_untrusted(raw)
    except MalformedRequest:
        return
    assert json.loads(raw) == value


@pytest.mark.parametrize("sign", [1, -1])
def test_the_greatest_integer_is_the_one_every_client_holds(sign: int) -> None:
    assert loads_untrusted(str(sign * MAX_SAFE_INTEGER).encode()) == sign * MAX_SAFE_INTEGER
    for beyond in (sign * (MAX_SAFE_INTEGER + 1), sign * 2**64, sign * 10**40):
        with pytest.raises(MalformedRequest, match="larger than"):
            loads_untrusted(str(beyond).encode())


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_depth_is_bounded_exactly(opening: str, closing: str) -> None:
    def nested(levels: int) -> bytes:
        return (opening * levels + "1" + closing * levels).encode()

    assert loads_untrusted(nested(MAX_DEPTH - 1))
    for levels in (MAX_DEPTH, 500, 5_000):
        with pytest.raises(MalformedRequest):
            loads_untrusted(nested(levels))
