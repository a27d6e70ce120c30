"""How passwords are hashed: argon2id (RFC 9106), by one of two sets of parameters."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from argon2 import Parameters, PasswordHasher, Type
from argon2.profiles import RFC_9106_LOW_MEMORY

from shared.password_rules import HashCost

_PARAMETERS: Final[Mapping[HashCost, Parameters]] = MappingProxyType(
    {
        "rfc9106": RFC_9106_LOW_MEMORY,
        "owasp": Parameters(Type.ID, 19, 16, 32, time_cost=2, memory_cost=19_456, parallelism=1),
    }
)


def password_hasher(cost: HashCost) -> PasswordHasher:
    """Hashes with these parameters, and verifies with those that a hash was made with."""
    return PasswordHasher.from_parameters(_PARAMETERS[cost])
