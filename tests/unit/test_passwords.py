"""Passwords: which are too common, and what checking one costs."""

import asyncio
import os
import threading
from collections import Counter
from time import perf_counter

import pytest

from api_node.passwords import MAX_WAITING, MAX_WAITING_OF_ONE, NICENESS, Passwords
from shared.common_passwords import is_common
from shared.errors import TooManyAttempts, Unavailable
from shared.password_rules import MAX_BYTES

ADDRESS = "192.0.2.1"
EMAIL = "jean.dupont@example.com"


@pytest.mark.parametrize(
    "password",
    [
        "password123",  # the seed's own example
        "PASSWORD",
        "letmein2024",
        "sunshine!",
        "aaaaaaaaaaaa",
        "abcdabcdabcdab",
        "jean.dupont",
        "Jean.Dupont99",
        EMAIL,
        "example.com1",
    ],
)
def test_what_a_guesser_tries_first_is_common(password: str) -> None:
    assert is_common(password, EMAIL)


@pytest.mark.parametrize(
    "password",
    [
        "analytical engine",
        "nanoseconds",
        "correct horse battery staple",
        "x9$kQ2!mVz",
        "sunshine-in-Lyon",
        "密码密钥钥匙锁",
    ],
)
def test_what_is_not_is_not(password: str) -> None:
    assert not is_common(password, EMAIL)


def test_no_password_takes_long_to_judge() -> None:
    """zxcvbn's own score takes seconds for the first of these."""
    began = perf_counter()
    for password in ("4@8({[<369&#!1/|0$5+7%2" * 40, "a" * MAX_BYTES, "qwertyuiop" * 100):
        is_common(password, EMAIL)
    assert perf_counter() - began < 0.1


class Counted:
    """A hasher that counts what it is asked, and is as fast as a test wants it."""

    def __init__(self, passwords: Passwords) -> None:
        self.tried: list[tuple[str, str]] = []
        self._really = passwords._hasher.verify
        passwords._hasher = self  # type: ignore[assignment]

    def verify(self, stored: str, password: str) -> bool:
        self.tried.append((stored.split("$")[3], password))
        return self._really(stored, password)


async def test_a_hash_of_other_parameters_is_verified_and_known_to_be_outdated() -> None:
    dear, cheap = Passwords("rfc9106"), Passwords("owasp")
    stored = await dear.hash("a password", asked_from=ADDRESS)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await cheap.verify(stored, "a password", asked_from=ADDRESS)
    assert (cheap.is_outdated(stored), dear.is_outdated(stored)) == (True, False)
    assert (await cheap.hash("a password", asked_from=ADDRESS)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    for passwords in (dear, cheap):
        passwords.close()


async def test_absence_costs_what_a_wrong_password_costs() -> None:
    """One run of argon2 with the same parameters, whether there is an account or not."""
    passwords = Passwords("owasp")
    stored = await passwords.hash("analytical engine", asked_from=ADDRESS)
    counted = Counted(passwords)
    told = [
        await passwords.verify(stored, "analytical engine", asked_from=ADDRESS),
        await passwords.verify(stored, "wrong", asked_from=ADDRESS),
        await passwords.verify(None, "wrong", asked_from=ADDRESS),
        await passwords.verify(None, "nobody has this password", asked_from=ADDRESS),
        await passwords.verify(stored, "x" * (MAX_BYTES + 1), asked_from=ADDRESS),
    ]
    passwords.close()
    assert told == [True, False, False, False, False]
    assert len(counted.tried) == 5
    assert {parameters for parameters, _ in counted.tried} == {counted.tried[0][0]}
    assert counted.tried[-1][1] == ""


async def test_hashing_gives_way_to_everything_else() -> None:
    passwords = Passwords("owasp")
    try:
        niceness = await passwords._in_turn(ADDRESS, lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    finally:
        passwords.close()
    assert niceness == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)


async def test_one_address_has_a_share_of_the_places_and_all_have_a_limit() -> None:
    passwords, go_on = Passwords("owasp"), threading.Event()
    addresses = [f"192.0.2.{number}" for number in range(MAX_WAITING // MAX_WAITING_OF_ONE)]

    async def waits(address: str) -> str:
        try:
            await passwords._in_turn(address, go_on.wait)
        except (TooManyAttempts, Unavailable) as refusal:
            return refusal.code
        return "done"

    waiting = [asyncio.create_task(waits(address)) for address in addresses for _ in range(MAX_WAITING_OF_ONE + 3)]
    await asyncio.sleep(0)
    try:
        assert await waits("198.51.100.1") == "unavailable"
    finally:
        go_on.set()
    told = Counter(await asyncio.gather(*waiting))
    assert told == {"done": MAX_WAITING, "too_many_attempts": 3 * len(addresses)}
    assert not passwords._waiting
    assert await waits(addresses[0]) == "done"
    passwords.close()
