"""The `Prefer` header as RFC 7240 words it."""

import pytest
from starlette.requests import Request

from api_node.prefer import preferred_wait_s, prefers_async


def _asking(*values: str) -> Request:
    headers = [(b"prefer", value.encode("latin-1")) for value in values]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers})


@pytest.mark.parametrize(
    "values",
    [
        ("respond-async",),
        ("Respond-Async",),
        ("respond-async, wait=10",),
        ("return=minimal,respond-async",),
        ("return=minimal", "respond-async"),
        ("respond-async; foo=bar",),
        ('respond-async=""',),
        ('foo="a, b"; x="\\"", respond-async',),
    ],
)
def test_it_is_found_among_other_preferences(values: tuple[str, ...]) -> None:
    assert prefers_async(_asking(*values))


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("",),
        (",;=,",),
        ("wait=10",),
        ("respond-async-please",),
        ("respond-async=no",),
        ("foo; respond-async",),
        ('foo="respond-async"',),
        ('foo=", respond-async, "',),
        ("respond async",),
    ],
)
def test_nothing_else_is_taken_for_it(values: tuple[str, ...]) -> None:
    assert not prefers_async(_asking(*values))


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("wait=5", 5),
        ("respond-async, WAIT = 5; x=y", 5),
        ("wait=0", 0),
        ("wait=4711", 30),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait", None),
        ('wait="5"', None),
        ("waiting=5", None),
        ("", None),
    ],
)
def test_a_wait_is_a_whole_number_of_seconds_and_half_a_minute_at_most(said: str, wait_s: int | None) -> None:
    assert preferred_wait_s(_asking(said)) == wait_s
