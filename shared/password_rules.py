"""How long a password may be, wherever one is set (NIST SP 800-63B 3.1.1.2: eight at least, and room for phrases)."""

from typing import Final

MIN_CHARACTERS: Final = 8
MAX_BYTES: Final = 1_024
LENGTH: Final = f"at least {MIN_CHARACTERS} characters and at most {MAX_BYTES} bytes"


def has_usable_length(password: str) -> bool:
    """Whether it is neither too short to be safe nor too long to be hashed."""
    return len(password) >= MIN_CHARACTERS and len(password.encode()) <= MAX_BYTES
