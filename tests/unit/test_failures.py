"""Which failures are of one kind."""

import pytest

from queue_service.domain.failures import fingerprint

TRACE = 'Traceback:\n  File "/app/main.py", line 2, in run\n  File "/app/send.py", line 31, in send\nOSError: no route'


@pytest.mark.parametrize(
    "other",
    [
        ("OSError", "no route to 10.0.0.9 after 300 ms", TRACE),
        ("OSError", "no route to 10.1.20.7 after 5 ms\nand more", TRACE),
        ("OSError", "no route to 10.1.20.7 after 5 ms", TRACE.replace("line 31", "line 40")),
        ("OSError", "no route to 10.1.20.7 after 5 ms", "File /app/main.py\n" + TRACE),
    ],
)
def test_what_changes_from_one_to_the_next_does_not_count(other: tuple[str, str, str]) -> None:
    assert fingerprint("OSError", "no route to 10.0.0.1 after 12 ms", TRACE) == fingerprint(*other)


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("order 17 of 'ada' is gone", "order 4 of 'bob, the builder' is gone"),
        ('no key "a"', 'no key "b"'),
        ("job 6f9619ff-8b86-d011-b42d-00c04fc964ff", "job 0e1d2c3b-8b86-d011-b42d-00c04fc964ff"),
        ("at 0x7f4ca0a0e710", "at 0x7f4ca0b61dd0"),
        ("digest 0123456789abcdef0123", "digest fedcba9876543210abcd"),
    ],
)
def test_numbers_ids_and_what_is_quoted_do_not_count(one: str, another: str) -> None:
    assert fingerprint("E", one) == fingerprint("E", another)


@pytest.mark.parametrize(
    "other",
    [
        ("TimeoutError", "no route", TRACE),
        ("OSError", "no disk", TRACE),
        ("OSError", "no route", TRACE.replace("send.py", "fetch.py")),
        ("OSError", "no route", ""),
    ],
)
def test_class_message_and_place_do(other: tuple[str, str, str]) -> None:
    assert fingerprint("OSError", "no route", TRACE) != fingerprint(*other)


def test_the_innermost_frame_counts_whichever_way_a_trace_goes() -> None:
    java = "java.io.IOException: no route\n\tat app.Send.send(Send.java:31)\n\tat app.Main.run(Main.java:2)"
    assert fingerprint("E", "m", java) == fingerprint("E", "m", java.replace("Main", "Other"))
    assert fingerprint("E", "m", java) != fingerprint("E", "m", java.replace("Send", "Other"))
    assert fingerprint("E", "m", TRACE) == fingerprint("E", "m", TRACE.replace("main.py", "other.py"))


def test_it_fits_its_column() -> None:
    assert len(fingerprint("", "", "")) == len(fingerprint("x" * 255, "1" * 10_000, "at " + "a" * 100_000)) == 16
