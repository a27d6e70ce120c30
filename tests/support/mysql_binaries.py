"""Find a MySQL-family server to test against, or fetch one through apt. Standard library only.

    python -m tests.support.mysql_binaries      fetches what is missing and prints how the server is run

`TEST_SERVER=mysql` asks for Oracle's MySQL and takes nothing else; otherwise any server of the family will do, and
MariaDB is what gets fetched.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.support.private_apt import MARIADB, MYSQL, AptFailed, Package, deliver, fetch_tree

Kind = Literal["mariadb", "mysql"]

SYSTEM_FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec")  # seldom on an ordinary user's PATH
CHOICES: Final[Mapping[str, Kind | None]] = {"": None, "mariadb": "mariadb", "mysql": "mysql"}


class NoServer(Exception):
    """No server is here and none could be fetched. The message says what the reader can do about it."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"no MySQL-family server to test against: {reason}\n"
            "Do one of these:\n"
            "  - install one, e.g. apt-get install mariadb-server-core (it starts no service)\n"
            "  - name a running one: TEST_DATABASE_URL=mysql://user:password@host:3306/name\n"
            "  - leave it out: make test DB=sqlite"
        )


@dataclass(frozen=True, slots=True)
class ServerBinaries:
    """A server that can be run: `argv` is the start of its command line, `tree` where the files it ships lie.

    `share` holds the bootstrap SQL (MariaDB) and the folders of error messages, `plugins` its loadable ones, if any.
    """

    kind: Kind
    argv: tuple[str, ...]
    tree: Path
    share: Path
    plugins: Path | None


def find_or_fetch(environ: Mapping[str, str] = os.environ) -> ServerBinaries:
    """Return a server found on this machine, or else fetched: installed as root, unpacked privately otherwise.

    Fetching takes a minute or so and says so on stderr. Safe to call from several processes at once: one fetches,
    the others wait for it. Raises NoServer, and ValueError for a TEST_SERVER that is neither mariadb nor mysql.
    """
    wanted = _wanted(environ)
    cache = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "the-console"
    found = _on_this_machine(wanted, environ.get("PATH", "")) or _unpacked(wanted, cache)
    if found is not None:
        return found
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise NoServer("neither mariadbd nor mysqld is on the PATH, and there is no apt to fetch one with")
    with _one_at_a_time(cache):
        found = _on_this_machine(wanted, environ.get("PATH", "")) or _unpacked(wanted, cache)
        return found or _fetch(wanted, cache)


def _wanted(environ: Mapping[str, str]) -> Kind | None:
    value = environ.get("TEST_SERVER", "").strip().lower()
    if value not in CHOICES:
        raise ValueError(f"TEST_SERVER is mariadb or mysql, not {value!r}")
    return CHOICES[value]


def _on_this_machine(wanted: Kind | None, path: str) -> ServerBinaries | None:
    folders = os.pathsep.join(filter(None, (path, *SYSTEM_FOLDERS)))  # an empty entry would mean "here"
    for name in ("mariadbd", "mysqld"):
        program = shutil.which(name, path=folders)
        found = _describe((program,), Path(program).resolve().parents[1]) if program else None
        if found is not None and wanted in (None, found.kind):
            return found
    return None


def _unpacked(wanted: Kind | None, cache: Path) -> ServerBinaries | None:
    package = _package(wanted)
    tree = cache / package.cached_as
    programs = [tree / "usr/sbin" / name for name in ("mariadbd", "mysqld")]
    program = next((p for p in programs if p.exists()), None)
    return _describe((*_own_loader(tree), str(program)), tree / "usr") if program else None


def _describe(argv: tuple[str, ...], prefix: Path) -> ServerBinaries | None:
    """None when it does not run, or lacks the files that a new data directory is made from."""
    try:
        version = subprocess.run([*argv, "--no-defaults", "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    if version.returncode != 0:
        return None
    kind: Kind = "mariadb" if "mariadb" in version.stdout.lower() else "mysql"
    ships = "maria_add_gis_sp_bootstrap.sql" if kind == "mariadb" else "english/errmsg.sys"
    shares = [root / "share" / name for root in (prefix, Path("/usr")) for name in (kind, "mysql", "")]
    share = next((folder for folder in shares if (folder / ships).exists()), None)
    plugins = next((folder for name in (kind, "mysql") if (folder := prefix / "lib" / name / "plugin").is_dir()), None)
    return ServerBinaries(kind, argv, prefix, share, plugins) if share else None


def _own_loader(tree: Path) -> tuple[str, ...]:
    """Run with the C library that was unpacked beside the server, which may be newer than this machine's."""
    libraries = [p for root in ("lib", "usr/lib") for p in tree.glob(f"{root}/{platform.machine()}-linux-gnu*")]
    loader = next((p for folder in libraries for p in sorted(folder.glob("ld*.so.[0-9]"))), None)
    return (str(loader), "--library-path", ":".join(map(str, libraries))) if loader else ()


def _fetch(wanted: Kind | None, cache: Path) -> ServerBinaries:
    package = _package(wanted)
    try:
        # Real MySQL is never installed: it would come from another release than the machine's own packages.
        if os.geteuid() == 0 and package is MARIADB:
            _say(f"installing {package.name} (about a minute, once)")
            deliver(["-o", "DPkg::Lock::Timeout=300"], ["-y", "install", "--no-install-recommends", package.name])
            found = _on_this_machine(wanted, "")
        else:
            fetch_tree(package, cache / package.cached_as, _say)
            found = _unpacked(wanted, cache)
    except (AptFailed, OSError, subprocess.SubprocessError) as error:
        raise NoServer(f"apt did not deliver {package.name}: {error}") from error
    if found is None:
        raise NoServer(f"{package.name} was fetched, but its server does not run here")
    return found


def _package(wanted: Kind | None) -> Package:
    return MYSQL if wanted == "mysql" else MARIADB


@contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released by closing, so also when this process is killed
        for left_by_a_killed_fetch in cache.glob(".*-*"):
            shutil.rmtree(left_by_a_killed_fetch, ignore_errors=True)
        yield


def _say(line: str) -> None:
    print(f"test server: {line}", file=sys.stderr, flush=True)  # noqa: T201  this is its output


if __name__ == "__main__":
    try:
        print(*find_or_fetch().argv)  # noqa: T201
    except NoServer as none:
        sys.exit(str(none))
