"""The checks of `console doctor` that look at this machine: secrets, data folder, ports, edge."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from cli.cluster import Cluster, find_caddy
from cli.ports import problems_of
from shared.settings import Settings, what_prevents_serving

_LEAST_FREE_BYTES: Final = 1 << 30


class Verdict(Enum):
    """How bad a finding is. A risk is something that works today."""

    FINE = "fine"
    RISK = "risk"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's table; `text` says what was found and, if it is not fine, what to do."""

    subject: str
    verdict: Verdict
    text: str


def secrets_and_folder(settings: Settings) -> Iterator[Finding]:
    """What a start would refuse. Secrets: given, or kept in files that only their owner can read. Folders: writable,
    with room left."""
    yield from _refused(settings)
    for name in ("jwt_secret", "queue_secret"):
        path = settings.data_dir / name
        if getattr(settings, name):
            yield Finding(name.upper(), Verdict.FINE, "given by the environment")
        elif path.exists():
            yield _secret_file(name, path)
        elif not settings.is_production:
            yield Finding(name.upper(), Verdict.FINE, f"will be made at {path}")
    yield _folder("DATA_DIR", settings.data_dir)
    if settings.log_dir:
        yield _folder("LOG_DIR", Path(settings.log_dir))


def ports(settings: Settings) -> Iterator[Finding]:
    """Every port of `console up` is free. A taken one is a risk only: the cluster may be running."""
    cluster = Cluster(settings, {}, caddy="caddy")
    found = [Finding("ports", Verdict.RISK, problem) for problem in problems_of(cluster.ports())]
    numbers = ", ".join(str(wanted.port) for wanted in cluster.ports())
    yield from found or [Finding("ports", Verdict.FINE, f"{numbers} are free")]


def edge(search_path: str | None) -> Iterator[Finding]:
    """Caddy is there and runs."""
    caddy = find_caddy(search_path)
    if caddy is None:
        yield Finding("edge", Verdict.RISK, "caddy is not installed: `console up` needs --no-edge, or run `make setup`")
        return
    try:
        done = subprocess.run([caddy, "version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding("edge", Verdict.WRONG, f"{caddy} does not run: {error}")
        return
    yield Finding("edge", Verdict.FINE, f"Caddy {done.stdout.split()[0]}")


def _refused(settings: Settings) -> Iterator[Finding]:
    for problem in what_prevents_serving(settings):
        yield Finding(problem.partition(" ")[0], Verdict.WRONG, problem)
    if not settings.is_production and settings.jwt_secret and settings.jwt_secret == settings.queue_secret:
        yield Finding("secrets", Verdict.RISK, "JWT_SECRET and QUEUE_SECRET are the same: set two")
    if any(network.prefixlen == 0 for network in settings.trusted_networks.networks):
        found = "is everybody: whoever reaches a node chooses the address that failed sign-ins are counted against"
        yield Finding("TRUSTED_PROXIES", Verdict.RISK, found)


def _secret_file(name: str, path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding(name.upper(), Verdict.WRONG, f"others may read {path} (mode {mode:04o}): run `chmod 600 {path}`")
    return Finding(name.upper(), Verdict.FINE, f"{path}, mode {mode:04o}")


def _folder(setting: str, folder: Path) -> Finding:
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(setting, Verdict.WRONG, f"{nearest} cannot be written to: change its owner, or set {setting}")
    free = shutil.disk_usage(nearest).free
    verdict = Verdict.FINE if free >= _LEAST_FREE_BYTES else Verdict.RISK
    return Finding(setting, verdict, f"{folder} on a disk with {free / (1 << 30):.1f} GiB free")
