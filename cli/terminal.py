"""Have the terminal to ourselves, as a shell gives it to the program it runs."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_STDIN: Final = 0


@contextmanager
def own_terminal() -> Iterator[None]:
    """Make this process the terminal's only foreground process, and give the terminal back at the end.

    A Ctrl-C then reaches this process and not the one that started it: `make` would end as "Interrupt", status 130,
    however cleanly we stop. Does nothing without a terminal, in the background, or when a shell gave us the terminal.
    """
    ours = os.getpgrp()
    if not os.isatty(_STDIN) or os.tcgetpgrp(_STDIN) != ours or ours == os.getpid():
        yield
        return
    # SIGTTOU would stop us when we hand the terminal back; after a Ctrl-Z nobody would know that we stand still
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTTOU, signal.SIGTSTP)}
    os.setpgid(0, 0)
    os.tcsetpgrp(_STDIN, os.getpgrp())
    try:
        yield
    finally:
        # it fails when the terminal was closed meanwhile
        with contextlib.suppress(OSError):
            os.tcsetpgrp(_STDIN, ours)
            os.setpgid(0, ours)
        for number, handler in before.items():
            signal.signal(number, handler)
