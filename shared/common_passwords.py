"""Passwords that a guesser tries first: one look into zxcvbn's list of the 30,000 most common, not its score.

The score costs up to three seconds for 72 characters chosen to hurt, and keeps the words of the last caller in a global
(docs/adr/0015). A look-up costs microseconds whatever it is given.
"""

from collections.abc import Iterator
from typing import Final

from zxcvbn.frequency_lists import FREQUENCY_LISTS

_COMMON: Final = frozenset(FREQUENCY_LISTS["passwords"])
_LONGEST_TAIL: Final = 4
_LONGEST_UNIT: Final = 4


def is_common(password: str, email: str) -> bool:
    """Whether it is a common password, a part of the e-mail, or one of them with up to four digits or marks behind, or
    a few characters repeated."""
    folded = password.casefold()
    own = {email, *email.split("@")}
    return any(form in _COMMON or form in own for form in _forms(folded)) or _is_repeated(folded)


def _forms(password: str) -> Iterator[str]:
    yield password
    for length in range(1, _LONGEST_TAIL + 1):
        if password[-length:][:1].isalpha():
            return
        yield password[:-length]


def _is_repeated(password: str) -> bool:
    return any((password[:unit] * len(password))[: len(password)] == password for unit in range(1, _LONGEST_UNIT + 1))
