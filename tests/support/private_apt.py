"""Fetch a package with every library it needs into a folder of one's own, as any user. Standard library only.

apt is given a state directory of its own with an EMPTY list of installed packages, so it brings the whole closure, the
C library included. Nothing is installed: the packages are unpacked, and their program is run through the dynamic
loader that came with it.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Say = Callable[[str], None]

APT_TIMEOUT_S: Final = 900
NOT_RUN: Final = re.compile(r"^(perl|libperl|.*gconv|debconf|tzdata|gcc-\d+-base)")  # dependencies of scripts only


@dataclass(frozen=True, slots=True)
class Package:
    """What to fetch. `release` names a Debian release to take it from; None means the machine's own sources."""

    name: str
    cached_as: str
    release: str | None


MARIADB: Final = Package("mariadb-server-core", "mariadb", None)
MYSQL: Final = Package("mysql-server-core", "mysql", "sid")  # no other release of Debian has it


class AptFailed(Exception):
    """A command of apt or dpkg failed; the message holds the end of what it said."""

    def __init__(self, command: list[str], said: str) -> None:
        words = [word for word in command if "::" not in word and word != "-o"]
        super().__init__("\n".join([" ".join(words), *said.strip().splitlines()[-5:]]))


def fetch_tree(package: Package, target: Path, say: Say) -> None:
    """Unpack `package` and all it depends on below `target`, which appears complete or not at all.

    When another process made `target` meanwhile, that one is kept. Raises AptFailed, OSError or
    subprocess.TimeoutExpired; nothing is left behind then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, since only a rename within one file system is atomic.
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        work = Path(scratch)
        work.chmod(0o755)
        archives = _download(package, work / "apt", say)
        say(f"unpacking {len(archives)} packages")
        for archive in archives:
            _run(["dpkg-deb", "-x", str(archive), str(work / "tree")])
        for unread in ("man", "doc", "locale"):
            shutil.rmtree(work / "tree/usr/share" / unread, ignore_errors=True)
        try:
            (work / "tree").rename(target)
        except OSError:
            if not target.is_dir():
                raise
    say(f"kept in {target}")


def deliver(options: list[str], request: list[str]) -> None:
    """Read the package lists, then do what is asked. Raises AptFailed, or subprocess.TimeoutExpired.

    Any one broken source or hook fails the reading: only whether the request can be met decides.
    """
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    said = ""
    for words in (["update"], request):
        command = ["apt-get", "-q", *options, *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=APT_TIMEOUT_S)
        said += done.stderr
    if done.returncode != 0:
        raise AptFailed(command, said)


def _download(package: Package, apt: Path, say: Say) -> list[Path]:
    for folder in ("lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    options = _private(apt)
    if package.release is not None:
        (apt / "etc/sources.list").write_text(_sources(package.release, options))
        options += _settings({"Dir::Etc::sourcelist": apt / "etc/sources.list", "Dir::Etc::sourceparts": "/dev/null"})
    say(f"fetching {package.name} and its libraries (a minute or two, once)")
    deliver(options, ["-y", "--download-only", "install", package.name])
    return [deb for deb in sorted((apt / "cache/archives").glob("*.deb")) if not NOT_RUN.match(deb.name)]


def _private(apt: Path) -> list[str]:
    settings = {
        "Dir::State": apt,
        "Dir::State::status": apt / "status",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "Debug::NoLocking": 1,
        "APT::Sandbox::User": "root",  # as root, apt would else become a user who may not write here
        "APT::Install-Recommends": 0,
        "Acquire::Languages": "none",
        "Acquire::Retries": 3,
    }
    return _settings(settings)


def _settings(values: dict[str, object]) -> list[str]:
    return [word for name, value in values.items() for word in ("-o", f"{name}={value}")]


def _sources(release: str, options: list[str]) -> str:
    """A sources.list for `release` from every mirror this machine uses; those that lack it are passed over by apt."""
    keys = sorted(Path("/usr/share/keyrings").glob("debian-archive-keyring.*"))
    if not keys:
        raise AptFailed(["reading /usr/share/keyrings"], "the archive keys of Debian are not on this machine")
    uris = _run(["apt-get", "-q", *options, "--print-uris", "update"])  # needs no list to be here yet
    mirrors = sorted(set(re.findall(r"'([^']+)/dists/[^']+/InRelease'", uris)))
    lines = [f"deb [signed-by={keys[0]}] {mirror} {release} main" for mirror in mirrors if "security" not in mirror]
    return "\n".join(lines) + "\n"


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=APT_TIMEOUT_S)
    if done.returncode != 0:
        raise AptFailed(command, done.stderr)
    return done.stdout
