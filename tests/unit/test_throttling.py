"""What is counted leaks away: people who mistype all day are not held up, and somebody who guesses is."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from shared.model import Throttle
from shared.throttling import (
    BY_ACCOUNT,
    BY_ADDRESS,
    FORGOTTEN_AFTER,
    LONGEST_BLOCK_S,
    Allowance,
    after_failure,
    blocked_for_s,
    hourly,
)

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR_S = 3_600
DAY_S = 24 * HOUR_S
NOBODY = Throttle(1, "subject", 0, None, 1, BEGAN, BEGAN)


def later(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def failed(allowance: Allowance, seconds: list[float], row: Throttle = NOBODY) -> Throttle:
    for second in seconds:
        row = after_failure(row, allowance, later(second))
    return row


def guesses(allowance: Allowance, until_s: float) -> list[float]:
    """When somebody gets to guess who tries again as soon as they may."""
    row, at, found = NOBODY, 0.0, []
    while at < until_s:
        if wait_s := blocked_for_s([row], later(at)):
            at += wait_s
            continue
        row = after_failure(row, allowance, later(at))
        found.append(at)
        at += 0.2
    return found


def met_a_block(people: int, typos: float, within_s: float) -> int:
    """How many sign-ins of a day met one, in an office where everybody comes in within so many seconds."""
    chance = random.Random(7)
    mistyped = sorted(chance.uniform(0, within_s) for _ in range(people) if chance.random() < typos)
    row, met = NOBODY, 0
    for at in mistyped:
        met += blocked_for_s([row], later(at)) > 0
        row = after_failure(row, BY_ADDRESS, later(at))
    return met


@pytest.mark.parametrize(
    ("people", "typos", "within_s"),
    [(1_000, 0.1, 9 * HOUR_S), (1_000, 0.1, HOUR_S), (300, 0.3, HOUR_S), (2_000, 0.1, 4 * HOUR_S)],
)
def test_an_office_that_mistypes_meets_no_block(people: int, typos: float, within_s: float) -> None:
    assert met_a_block(people, typos, within_s) == 0


def test_one_address_guesses_about_a_hundred_times_an_hour() -> None:
    found = guesses(BY_ADDRESS, DAY_S)
    first_hour = sum(at < HOUR_S for at in found)
    assert BY_ADDRESS.free + 90 < first_hour < BY_ADDRESS.free + 110
    assert 95 <= (len(found) - first_hour) / 23 <= 101


def test_one_account_is_guessed_at_ninety_six_times_a_day() -> None:
    found = guesses(BY_ACCOUNT, 2 * DAY_S)
    assert sum(at < 18 * 60 for at in found) == 15
    assert sum(at >= DAY_S for at in found) == DAY_S // LONGEST_BLOCK_S


def test_a_leak_is_not_stopped_by_failing_often_enough() -> None:
    """A failure just before the next one would have leaked must not begin that time anew."""
    almost = BY_ADDRESS.leaks_every.total_seconds() * 0.9
    row = failed(BY_ADDRESS, [almost * number for number in range(100)])
    assert 9 <= row.failures <= 12


def test_an_account_that_is_failed_at_now_and_then_is_never_blocked() -> None:
    row = failed(BY_ACCOUNT, [2_100.0 * number for number in range(200)])
    assert (row.failures, row.blocked_until) == (1, None)


@pytest.mark.parametrize("allowance", [BY_ACCOUNT, BY_ADDRESS, hourly(1), hourly(100), hourly(1_000_000)])
def test_whatever_was_counted_has_leaked_away_when_the_row_is_forgotten(allowance: Allowance) -> None:
    row = failed(allowance, [0.0] * (min(allowance.free, 1_000) + 50))
    after = after_failure(row, allowance, row.updated_at + FORGOTTEN_AFTER)
    assert after.failures == 1


def test_a_row_written_while_the_clock_ran_ahead_leaks_again_from_the_next_failure_on() -> None:
    ahead = failed(BY_ACCOUNT, [DAY_S * 365.0] * 4)
    now = failed(BY_ACCOUNT, [0.0], ahead)
    assert failed(BY_ACCOUNT, [HOUR_S * 12.0], now).failures == 1


def test_so_many_in_an_hour_may_come_at_once_or_spread_over_it() -> None:
    at_once = failed(hourly(3), [0.0, 0.0, 0.0])
    assert blocked_for_s([at_once], BEGAN) == 1
    assert failed(hourly(3), [1_250.0 * number for number in range(30)]).blocked_until is None
