"""What production refuses to start with: what a guesser, or a reader of somebody's documentation, already knows."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shared.settings import Settings

_LEAST_DIFFERENT: Final = 10
"""Characters of a random secret that differ: of 32 random letters, digits or hex digits, ten and more always do."""
_OF_AN_EXAMPLE: Final = re.compile(
    r"change[-_ ]?(me|this|it)|example|placeholder|your[-_ ]|secret[-_ ]key|default", re.I
)


def refusals(settings: "Settings") -> Iterator[str]:
    """A sentence for each thing that must not be, naming the setting and what to do; none for settings that will do."""
    for name in ("jwt_secret", "jwt_former_secret", "queue_secret"):
        value = getattr(settings, name)
        if not value and name != "jwt_former_secret":
            yield f"{name.upper()} is not set: production does not make secrets; set at least 32 characters"
        elif value and is_guessable(value):
            yield f"{name.upper()} is an example or repeats itself: set one that was made at random"
    if settings.queue_secret and settings.queue_secret in (settings.jwt_secret, settings.jwt_former_secret):
        yield "QUEUE_SECRET is JWT_SECRET: it travels with every write, and would sign tokens; set another one"
    if settings.admin_password and _is_first_guess(settings):
        yield "ADMIN_PASSWORD is among the first that a guesser tries: choose another one"
    if "registration" not in settings.model_fields_set:
        yield "REGISTRATION is not set: say whether strangers may register (open) or not (closed)"


def is_guessable(secret: str) -> bool:
    """Whether a secret looks like the one of an example, or is one character after the other."""
    return len(set(secret)) < _LEAST_DIFFERENT or _OF_AN_EXAMPLE.search(secret) is not None


def _is_first_guess(settings: "Settings") -> bool:
    from shared.common_passwords import is_common  # its list takes a moment to load

    return is_common(settings.admin_password, settings.admin_username)
