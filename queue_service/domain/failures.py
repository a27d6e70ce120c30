"""Which failures are of one kind: those with the same class of error, the same message but for what changes from one to
the next, and the same place in the code."""

import hashlib
import re
from typing import Final

from shared.jsonio import dumps

_CHANGING: Final = re.compile(
    r"""
    "[^"]*" | '[^']*'                                             # what is quoted
    | \b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b    # a UUID
    | \b0x[0-9a-fA-F]+\b | \b[0-9a-fA-F]{16,}\b                   # an address, a digest
    | \d+
    """,
    re.VERBOSE,
)
_NUMBER: Final = re.compile(r"\d+")
_FRAME: Final = re.compile(r'^\s*(?:File "|at |in |from )')
_MOST_OF_A_LINE: Final = 500


def fingerprint(error_type: str, message: str, trace: str = "") -> str:
    """Sixteen hexadecimal digits, the same for failures of one kind. Of the message the first line counts, without
    numbers, ids and what is quoted; of the trace the innermost frame, without numbers."""
    first_line = message.partition("\n")[0].strip()[:_MOST_OF_A_LINE]
    parts = [error_type, _CHANGING.sub("#", first_line), _NUMBER.sub("#", _innermost(trace)[:_MOST_OF_A_LINE])]
    return hashlib.sha256(dumps(parts)).hexdigest()[:16]


def _innermost(trace: str) -> str:
    """Python ends with it; where frames begin with `at`, it comes first."""
    frames = [line.strip() for line in trace.splitlines() if _FRAME.match(line)]
    if not frames:
        return ""
    return frames[0] if frames[0].startswith("at ") else frames[-1]
