"""What every measurement here stands on: the databases, an environment without settings of ours, and what the machine
is."""

import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from loadtest import machine
from loadtest.databases import Databases, mysql_databases, sqlite_databases
from shared.clock import SystemClock

KINDS: Final = ("mysql", "sqlite")


@contextmanager
def databases_of(kind: str, work: Path, mysql_url: str) -> Iterator[Databases]:
    """Databases of a kind, made in a folder of `work`; of the MySQL family on `mysql_url`, where it is given."""
    folder = work / kind
    folder.mkdir()
    with sqlite_databases(folder) if kind == "sqlite" else mysql_databases(folder, mysql_url) as source:
        yield source


def clean(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment without settings of ours: a `.env` or an exported one must not change what is measured."""
    return {"PATH": environ["PATH"], "HOME": environ.get("HOME", "/"), "LANG": "C.UTF-8"}


def machine_facts(work: Path) -> dict[str, Any]:
    """When and on what it is measured, with a warning where nothing can be durable."""
    kind = machine.file_system(work)
    facts: dict[str, Any] = {
        "date": f"{SystemClock().now():%Y-%m-%d %H:%M} UTC",
        "machine": f"{machine.cores()} cores of {machine.processor()}, {machine.memory_gib():.0f} GiB",
        "Python": platform.python_version(),
        "disk": f"{kind}, {machine.fsyncs_per_s(work):,.0f} syncs/s of 4 KiB",
    }
    if machine.is_in_memory(kind):
        facts["WARNING"] = "the databases are in memory: a sync costs nothing here, so nothing below is durable"
    return facts


def one_of(name: str, known: tuple[str, ...]) -> str:
    """The name. Raises ValueError for one that is not known."""
    if name not in known:
        raise ValueError(f"{name} is none of {', '.join(known)}")
    return name


def say(text: str) -> None:
    """One line for whoever watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
