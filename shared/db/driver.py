"""Whether an exception is the driver's own stumble: over a greeting cut short, over bytes that are no packet.

Drivers raise their own errors for what a server says, and whatever Python happens to raise (struct.error, IndexError,
AttributeError, RuntimeError of a closed transport) for what no server says. Neither is a mistake of ours.
"""

from traceback import walk_tb
from typing import Final

_DRIVERS: Final = frozenset({"aiomysql", "pymysql", "aiosqlite", "sqlite3"})
_OVER_A_VALUE: Final = (OverflowError, UnicodeEncodeError)
"""What the driver raises for a value that we gave it: that is ours."""


def has_stumbled(error: Exception) -> bool:
    """Whether it was raised in the driver, or below, and not over a value of ours. The connection is of no use then."""
    if isinstance(error, _OVER_A_VALUE):
        return False
    names = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__))
    return any(name.partition(".")[0] in _DRIVERS for name in names)
