"""Run a command that must not outlive its parent: `python -m cli.attached PARENT_PID COMMAND...`.

The command replaces this process. On Linux the kernel sends it SIGTERM when the parent dies, however the parent dies,
so that it drains; elsewhere it is only started. Works for programs that are not ours, too (Caddy).
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_EXIT_CANNOT_RUN = 127


def main(arguments: list[str]) -> int:
    """Replace this process by the command. Returns, with an exit status, only when that cannot be done."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        # the parent may have died before the kernel knew of our wish: then no signal will ever come
        if os.getppid() != parent:
            return 0
    try:
        os.execvp(command[0], command)  # noqa: S606  (no shell is wanted)
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        return _EXIT_CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
