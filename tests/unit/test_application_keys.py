"""What an application's key looks like, and what is taken for one."""

import hashlib
import re

import pytest

from api_node.application_keys import Secret, is_key, parse
from shared.errors import Unauthenticated

AS_SCANNERS_KNOW_IT = re.compile(r"con_[0-9]+_[0-9A-Za-z]{43}")


def test_a_key_is_recognised_and_comes_apart_again() -> None:
    secret = Secret.fresh()
    key = secret.key_of(7)
    assert AS_SCANNERS_KNOW_IT.fullmatch(key)
    assert is_key(key)
    assert parse(key) == (7, secret)
    assert secret.hash == hashlib.sha256(key.rpartition("_")[2].encode()).hexdigest()


def test_no_two_are_alike_and_none_shows_itself() -> None:
    made = [Secret.fresh() for _ in range(100)]
    assert len({secret.text for secret in made}) == 100
    assert made[0].text not in repr(made[0])


@pytest.mark.parametrize(
    "text",
    [
        "con_",
        "con_7",
        f"con_7_{'x' * 42}",
        f"con_7_{'x' * 44}",
        f"con_0_{'x' * 43}",
        f"con_07_{'x' * 43}",
        f"con_{2**53}_{'x' * 43}",
        f"con_٧_{'x' * 43}",
        f"con_7_{'x' * 42}é",
        f"con_7_{'x' * 42}\n",
        f"CON_7_{'x' * 43}",
        f" con_7_{'x' * 43}",
    ],
)
def test_what_cannot_be_one_is_refused(text: str) -> None:
    with pytest.raises(Unauthenticated):
        parse(text)
