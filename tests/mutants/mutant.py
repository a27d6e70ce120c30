"""One way to break a promise."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One promise, the change that breaks it, and the tests that must notice.

    `old` must occur in the file exactly once, so that a stale mutant is noticed.
    """

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]
