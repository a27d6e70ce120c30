"""Refresh tokens: `<session>.<family>.<secret>`, opaque to whoever holds one.

The family is the same in every token of a sign-in and known to nobody else: with it an old token of the sign-in is told
from a made-up one, so nobody can end a stranger's sign-in by guessing its number. Both random parts leave this process
only towards their owner; the rest of the system knows SHA-256 of them, which suffices for parts of 128 and 256 bits.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final

from shared.errors import Unauthenticated

_FORM: Final = re.compile(r"^([1-9][0-9]{0,15})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The two parts that are secret. `repr` shows neither: a token must not end up in a log."""

    family: str
    secret: str

    def __repr__(self) -> str:
        return "RefreshToken(...)"

    @classmethod
    def first(cls) -> "RefreshToken":
        """The first token of a new sign-in."""
        return cls(secrets.token_urlsafe(16), secrets.token_urlsafe(32))

    def next(self) -> "RefreshToken":
        """Another token of the same family."""
        return RefreshToken(self.family, secrets.token_urlsafe(32))

    @property
    def family_hash(self) -> str:
        return hashlib.sha256(self.family.encode()).hexdigest()

    @property
    def token_hash(self) -> str:
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def of_session(self, session_id: int) -> str:
        """The token as its owner gets it."""
        return f"{session_id}.{self.family}.{self.secret}"


def parse(text: str) -> tuple[int, RefreshToken]:
    """The session a token names, and its secret parts. Raises Unauthenticated for what cannot be one."""
    match = _FORM.match(text)
    if match is None or not int(match[1]) < 2**53:
        raise Unauthenticated
    return int(match[1]), RefreshToken(match[2], match[3])
