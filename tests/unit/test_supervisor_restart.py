"""What follows the end of a child, as a value."""

import pytest

from cli.restart import Again, Finished, Hopeless, RestartPolicy, after_exit, describe_exit

POLICY = RestartPolicy(first_s=0.5, most_s=10, reset_after_s=30)


@pytest.mark.parametrize(
    ("failures_before", "delay_s"), [(0, 0.5), (1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (6, 10), (5000, 10)]
)
def test_the_delay_doubles_up_to_its_limit(failures_before: int, delay_s: float) -> None:
    decision = after_exit(1, lived_s=1, failure_count=failures_before, policy=POLICY)

    assert decision == Again(delay_s, failures_before + 1)


def test_a_long_life_forgives_earlier_failures() -> None:
    assert after_exit(-9, lived_s=30, failure_count=7, policy=POLICY) == Again(0.5, 1)


def test_status_0_is_the_end_and_78_is_hopeless() -> None:
    assert after_exit(0, lived_s=0, failure_count=3, policy=POLICY) == Finished()
    assert after_exit(78, lived_s=100, failure_count=0, policy=POLICY) == Hopeless()


def test_an_exit_is_named_by_its_status_or_signal() -> None:
    assert (describe_exit(3), describe_exit(-15)) == ("exit status 3", "signal 15")
