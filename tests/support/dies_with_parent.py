"""Run a command that is killed when the process that started it goes away, however that happens.

    Popen(dies_with_parent([...]), stdin=PIPE, start_new_session=True)

The command replaces this launcher, so its pid, signals and exit status are the caller's to use; a watcher on the side
holds the other end of stdin, which the kernel closes with the caller. PR_SET_PDEATHSIG would not do: it fires at the
end of the THREAD that started the command, and a test may do that in a worker thread.
"""

import os
import select
import signal
import sys


def dies_with_parent(command: list[str]) -> list[str]:
    """Return the command line that runs `command` (an absolute path first) under watch. Linux, stdin=PIPE needed."""
    return [sys.executable, "-I", "-S", __file__, *command]


def main(command: list[str]) -> None:
    """Become `command`, leaving behind a watcher that belongs to nobody."""
    me = os.pidfd_open(os.getpid())  # a pid alone may be someone else's by the time it is needed
    child = os.fork()
    if child == 0:
        if os.fork() == 0:  # twice, so that init reaps the watcher and the command has no unexpected child
            watch(me)
        os._exit(0)
    os.waitpid(child, 0)
    os.execv(command[0], command)  # noqa: S606  there is no shell here to want


def watch(command: int) -> None:
    """Wait for the command's end or for the parent's, whichever comes first; kill the command in the second case."""
    os.setsid()
    for stream in (1, 2):  # a pipe or file of the command must not stay open on the watcher's account
        os.close(stream)
    ready, _, _ = select.select([0, command], [], [])
    if command not in ready:
        signal.pidfd_send_signal(command, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
