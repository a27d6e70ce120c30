"""`python -m loadtest` (make load): people against the whole product behind the edge, with numbers at the end.

Exit status 0 when every answer was a success or a documented refusal, 1 otherwise.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from loadtest import machine, summary
from loadtest.databases import mysql_databases, sqlite_databases
from loadtest.memory import Memory
from loadtest.processes import ROOT
from loadtest.supervised import Supervised, register_people, supervised
from shared.clock import SystemClock

RESULTS: Final = ROOT / "loadtest/results"
KILLED: Final = "api-2"
LOOKS_EVERY_S: Final = 0.5
KILLS_AFTER: Final = 0.4
"""The share of the run after which a node is killed."""

_ENDS_WITHIN_S: Final = 60.0


@dataclass
class Watched:
    """What is looked at while people work: memory, once all have come, and the node that is killed.

    Moments are of the monotonic clock. `is_killing` until another node serves in the place of the killed one.
    """

    cluster: Supervised
    database_pid: int | None
    all_there_at: float
    kills_at: float | None
    memory: Memory = field(default_factory=Memory)
    killed: str = ""
    is_killing: bool = False
    _killed_pid: int = 0

    def look(self) -> None:
        """Twice a second."""
        now = time.monotonic()
        if now > self.all_there_at:
            pids = self.cluster.pids() | {"supervisor": self.cluster.supervisor.pid}
            self.memory.sample(pids | ({"database": self.database_pid} if self.database_pid is not None else {}))
        if self.is_killing and self.cluster.is_back(KILLED, self._killed_pid):
            self.is_killing = False
            self.killed = f"{KILLED} by SIGKILL; another one served within {now - (self.kills_at or now):.0f} s"
            say(f"killed {self.killed}")
        elif self.kills_at is not None and now > self.kills_at and not self._killed_pid:
            say(f"killing {KILLED} (SIGKILL)")
            self.is_killing = True
            self._killed_pid = self.cluster.kill(KILLED)


def main(
    users: Annotated[int, typer.Option(envvar="USERS", help="People at work at the same time.", min=1)] = 40,
    duration: Annotated[int, typer.Option(envvar="DURATION", help="Seconds.", min=5)] = 60,
    base_url: Annotated[
        str, typer.Option(envvar="BASE_URL", help="A running product; without it, one is started on free ports.")
    ] = "",
    email: Annotated[str, typer.Option(help="An administrator's email there, for BASE_URL.")] = "",
    password: Annotated[str, typer.Option(help="Their password.")] = "",
    database: Annotated[str, typer.Option(help="sqlite or mysql: under the product that is started.")] = "sqlite",
    kill_node: Annotated[bool, typer.Option("--kill-node", help="Kill one API node meanwhile.")] = False,
    results: Annotated[Path, typer.Option(help="Folder of the results.")] = RESULTS,
) -> None:
    """Let people work at the board, and write down how it answered them."""
    if database not in ("sqlite", "mysql"):
        raise typer.BadParameter("--database is sqlite or mysql")
    if base_url and (kill_node or not (email and password)):
        raise typer.BadParameter("with a base URL: --email and --password of an administrator, and no --kill-node")
    signal.signal(signal.SIGTERM, _stop)
    folder = results / f"load-{SystemClock().now():%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True)
    facts = {
        "date": f"{SystemClock().now():%Y-%m-%d %H:%M} UTC",
        "machine": f"{machine.cores()} cores of {machine.processor()}, {machine.memory_gib():.0f} GiB; "
        "the people, too, are on it",
        "people": f"{users} for {duration} s",
    }
    with tempfile.TemporaryDirectory(prefix=".work-", dir=folder) as work, ExitStack() as stack:
        if base_url:
            say(f"people come to {base_url}")
            accounts = [{"id": 1, "email": email, "password": password, "role": "admin"}]
            status = _load(folder, base_url, accounts, users, duration, facts, None)
        else:
            cluster, database_pid = stack.enter_context(_own_cluster(Path(work), folder, database))
            facts["product"] = f"edge, two nodes, queue service, {database}; all under `console up`"
            accounts = register_people(cluster.edge_port)
            now = time.monotonic()
            kills_at = now + duration * KILLS_AFTER if kill_node else None
            watched = Watched(cluster, database_pid, now + users / _arrivals_a_second(users), kills_at)
            status = _load(folder, cluster.url, accounts, users, duration, facts, watched)
    raise typer.Exit(status)


def _load(
    folder: Path,
    url: str,
    accounts: list[dict[str, Any]],
    users: int,
    duration: int,
    facts: dict[str, str],
    watched: Watched | None,
) -> int:
    known, outcome = folder / "accounts.json", folder / "outcome.json"
    known.write_text(json.dumps(accounts))
    command = [
        *(sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel", "WARNING"),
        *("--locustfile", str(ROOT / "loadtest/locustfile.py"), "--host", url),
        *(
            "--users",
            str(users),
            "--spawn-rate",
            str(_arrivals_a_second(users)),
            "--run-time",
            f"{duration}s",
            "--stop-timeout",
            "15s",
        ),
        *("--html", str(folder / "report.html"), "--accounts", str(known), "--outcome", str(outcome)),
    ]
    people = subprocess.Popen(command, cwd=ROOT, env=_environ(), start_new_session=True)
    try:
        _watch(people, watched, give_up_at=time.monotonic() + duration + _ENDS_WITHIN_S)
    finally:
        if people.poll() is None:
            people.kill()
            people.wait()
        known.unlink()
    if not outcome.exists():
        say(f"the people ended with status {people.returncode} and left no numbers")
        return 1
    return _told(folder, json.loads(outcome.read_text()), facts, watched, people.returncode)


def _watch(people: "subprocess.Popen[bytes]", watched: Watched | None, *, give_up_at: float) -> None:
    while time.monotonic() < give_up_at:
        if watched is not None:
            watched.look()
        try:
            people.wait(LOOKS_EVERY_S)
            return
        except subprocess.TimeoutExpired:
            continue
    raise RuntimeError("the people did not stop in time")


def _told(
    folder: Path, outcome: dict[str, Any], facts: dict[str, str], watched: Watched | None, people_status: int
) -> int:
    held = watched.memory.held() if watched is not None else {}
    if watched is not None and watched.killed:
        facts["killed meanwhile"] = watched.killed
    text = summary.markdown(outcome, facts, held)
    (folder / "summary.md").write_text(text)
    say(f"\n{text}\nresults: {folder}/summary.md, report.html")
    if watched is not None and watched.is_killing:
        say(f"{KILLED} was killed and did not come back")
        return 1
    return 1 if summary.failures(outcome) or people_status != 0 else 0


def _arrivals_a_second(users: int) -> float:
    """A sign-in costs the server a tenth of a second of a whole processor: on a small machine a crowd at the door keeps
    everybody waiting, and what would be measured is the door."""
    return max(1.0, min(2.0, users / 10))


@contextmanager
def _own_cluster(work: Path, folder: Path, database: str) -> Iterator[tuple[Supervised, int | None]]:
    say(f"starting the product on {database}")
    with ExitStack() as stack:
        kind = sqlite_databases(work) if database == "sqlite" else mysql_databases(work, "")
        source = stack.enter_context(kind)
        url = stack.enter_context(source.fresh())
        yield stack.enter_context(supervised(url, work / "data", folder, _environ())), source.pid


def _environ() -> Mapping[str, str]:
    """The environment without settings of ours."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}


def say(text: str) -> None:
    """One line for whoever watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _stop(_signum: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    typer.run(main)
