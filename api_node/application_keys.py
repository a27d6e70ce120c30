"""The keys of applications: `con_<application>_<secret>`, sent as bearer tokens.

The beginning is there to be recognised, by us and by whoever looks through code and logs for keys that were left
there: `con_[0-9]+_[0-9A-Za-z]{43}`. The secret is 256 random bits and leaves this process only towards the one who
asked for it: the rest of the system knows SHA-256 of it, which suffices for that many bits.
"""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass
from typing import Final

from shared.errors import Unauthenticated

PREFIX: Final = "con_"
_ALPHABET: Final = string.digits + string.ascii_letters
_LENGTH: Final = 43  # 62 ** 43 > 2 ** 256
_FORM: Final = re.compile(rf"con_([1-9][0-9]{{0,15}})_([0-9A-Za-z]{{{_LENGTH}}})")


@dataclass(frozen=True, slots=True)
class Secret:
    """The part of a key that is secret. `repr` does not show it: it must not end up in a log."""

    text: str

    def __repr__(self) -> str:
        return "Secret(...)"

    @classmethod
    def fresh(cls) -> "Secret":
        """One that nobody has seen or can guess."""
        return cls("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)))

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def key_of(self, application_id: int) -> str:
        """The key as its owner gets it."""
        return f"{PREFIX}{application_id}_{self.text}"


def is_key(token: str) -> bool:
    """Whether a bearer token is meant to be an application's key, well-formed or not."""
    return token.startswith(PREFIX)


def parse(key: str) -> tuple[int, Secret]:
    """The application a key names, and its secret. Raises Unauthenticated for what cannot be one."""
    match = _FORM.fullmatch(key)
    if match is None or not int(match[1]) < 2**53:
        raise Unauthenticated
    return int(match[1]), Secret(match[2])
