"""One queue service for one SQLite file: an advisory lock beside it, gone with the process however it ends."""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from sqlalchemy import make_url

from shared.db.database import is_sqlite


class AlreadyRunning(Exception):
    """Another queue service has this file; the message says which process."""


def lock_database(database_url: str) -> TextIO | None:
    """Hold the lock for as long as the returned file stays open; None where the database is not a file."""
    if not is_sqlite(database_url):
        return None
    path = Path(f"{make_url(database_url).database}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise AlreadyRunning(
            f"process {holder} is the queue service of {path.with_suffix('')}: stop it first, one writes at a time"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
