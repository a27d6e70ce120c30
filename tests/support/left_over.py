"""What a program that starts others has left behind."""

import os
from pathlib import Path


def left_over(folder: Path) -> list[str]:
    """The command lines of what runs with this folder in its arguments or environment, this process apart."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text(errors="replace")
            environ = (process / "environ").read_text(errors="replace")
        except OSError:
            continue
        if str(folder) in command + environ and int(process.name) != os.getpid():
            found.append(command.replace("\0", " "))
    return found
