"""Stop a process in its tracks."""

import os
import signal
import subprocess


def freeze(process: subprocess.Popen[bytes]) -> None:
    """SIGSTOP, and return once it stands still: until then its other threads may go on, and answer.

    The wait leaves the process's end for Popen to see. A process that has ended is left alone.
    """
    if process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
