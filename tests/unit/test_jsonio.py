"""JSON from outside: only what every client reads back the same."""

import gc
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MalformedRequest
from shared.jsonio import MAX_DEPTH, MAX_SAFE_INTEGER, MAX_VALUES, dumps, loads_untrusted

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


@pytest.mark.parametrize("of", ["[]", "{}", "0", '""', '{"a":0}', "[[[[]]]]"])
def test_a_megabyte_of_small_values_is_refused_in_little_more_than_the_time_it_takes_to_parse(of: str) -> None:
    raw = f"[{','.join([of] * ((1 << 20) // (len(of) + 1)))}]".encode()

    def refuse() -> None:
        with pytest.raises(MalformedRequest, match=f"more than {MAX_VALUES} values"):
            loads_untrusted(raw)

    parsing = fastest_of_three(lambda: orjson.loads(raw))
    assert fastest_of_three(refuse) < 5 * parsing + 0.005


def fastest_of_three(work: Callable[[], object]) -> float:
    """Seconds. The fastest, and without the collector: what else goes on in this process can only slow it down."""

    def once() -> float:
        started = perf_counter()
        work()
        return perf_counter() - started

    gc.disable()
    try:
        return min(once() for _ in range(3))
    finally:
        gc.enable()


@pytest.mark.parametrize("inside", [[0] * (MAX_VALUES - 1), {str(i): 0 for i in range((MAX_VALUES - 1) // 2)}])
def test_the_number_of_values_is_bounded_exactly_with_names_and_the_document_itself_counted(inside: Any) -> None:
    assert loads_untrusted(dumps(inside)) == inside
    more = [*inside, 0] if isinstance(inside, list) else inside | {"one": 0}
    with pytest.raises(MalformedRequest, match="more than"):
        loads_untrusted(dumps(more))


@pytest.mark.parametrize("raw", [rb'{"a\u0000": 1}', rb'{"a": [{"b": "\u0000"}]}', rb'[[["\u0000"]]]'])
def test_a_nul_is_refused_wherever_it_hides(raw: bytes) -> None:
    with pytest.raises(MalformedRequest, match="NUL"):
        loads_untrusted(raw)
