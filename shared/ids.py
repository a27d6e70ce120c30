"""Names for requests and operations that have none."""

import os
from collections.abc import Iterator
from typing import Final

_BYTES: Final = 16
_A_TIME: Final = 256


def fresh_id() -> str:
    """32 hex digits that nobody has seen or can guess. Called from one thread only.

    They are drawn many at a time: one of `secrets` is a system call, and every write needs two.
    """
    return next(_ids)


def _drawn() -> Iterator[str]:
    while True:
        drawn = os.urandom(_BYTES * _A_TIME)
        for start in range(0, len(drawn), _BYTES):
            yield drawn[start : start + _BYTES].hex()


_ids: Final = _drawn()
