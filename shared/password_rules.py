"""How long a password may be, wherever one is set (NIST SP 800-63B 3.1.1.2: eight at least, and room for phrases), and
what it may cost to hash one."""

from typing import Final, Literal

MIN_CHARACTERS: Final = 8
MAX_BYTES: Final = 1_024
LENGTH: Final = f"at least {MIN_CHARACTERS} characters and at most {MAX_BYTES} bytes"

HashCost = Literal["rfc9106", "owasp"]
"""`rfc9106` is the second choice of RFC 9106 (section 4): 64 MiB, 3 passes, 4 lanes; a fifth of a second of processor
time. `owasp` is the least that the OWASP Password Storage Cheat Sheet advises: 19 MiB, 2 passes, 1 lane; an eighth of
that."""


def has_usable_length(password: str) -> bool:
    """Whether it is neither too short to be safe nor too long to be hashed."""
    return len(password) >= MIN_CHARACTERS and len(password.encode()) <= MAX_BYTES
