"""`console migrate` on both databases: one line whatever happens, and no data lost unasked."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from shared.db import migrate, revisions
from tests.support.cluster import Cluster
from tests.support.console_command import CONSOLE, console
from tests.support.databases import Database
from tests.support.loopback import free_port


def _migrate(database: Database, folder: Path, *flags: str) -> tuple[int, str]:
    """Its exit status and the one line it printed."""
    done = console(folder, "migrate", *flags, DATABASE_URL=database.url)
    assert done.stdout.count("\n") == 1, done.stdout
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_it_goes_down_and_up_again(database: Database, tmp_path: Path) -> None:
    assert _migrate(database, tmp_path, "--down", "base", "--yes") == (0, "the database is at base\n")
    assert _migrate(database, tmp_path) == (0, f"the database is at {revisions.head()}\n")


@pytest.mark.parametrize("flags", [["--to", "zzz"], ["--down", "zzz", "--yes"]])
def test_a_revision_that_does_not_exist_is_named(database: Database, tmp_path: Path, flags: list[str]) -> None:
    status, line = _migrate(database, tmp_path, *flags)

    assert status == 1
    assert line.startswith("the database cannot be migrated: ")
    assert "'zzz'" in line


def test_an_empty_database_has_nothing_to_go_down_to(database: Database, tmp_path: Path) -> None:
    migrate.downgrade(database.url, "base")
    status, line = _migrate(database, tmp_path, "--down=-1", "--yes")

    assert status == 1
    assert "Relative revision -1 didn't produce 1 migrations" in line


def test_a_file_that_does_not_exist_is_not_made_by_going_down(tmp_path: Path) -> None:
    done = console(tmp_path, "migrate", "--down", "base", "--yes")

    assert (done.returncode, done.stderr) == (1, "")
    assert "there is no database at" in done.stdout
    assert not (tmp_path / "data").exists()


def test_without_a_terminal_going_down_wants_to_hear_yes(database: Database, tmp_path: Path) -> None:
    status, line = _migrate(database, tmp_path, "--down", "base")

    assert status == 1
    assert "add --yes" in line
    assert migrate.current(database.url) == revisions.head()


@pytest.mark.parametrize(("typed", "status"), [(b"y\n", 0), (b"n\n", 1), (b"\n", 1)])
def test_at_a_terminal_going_down_asks(database: Database, tmp_path: Path, typed: bytes, status: int) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, typed)
        done = subprocess.run(
            [CONSOLE, "migrate", "--down", "base"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "DATABASE_URL": database.url},
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert done.returncode == status
    assert "Going down to base deletes tables with all their data from" in done.stdout
    assert "test:test" not in done.stdout
    assert migrate.current(database.url) == (None if status == 0 else revisions.head())


async def test_going_down_is_refused_while_a_queue_service_leads(database: Database, tmp_path: Path) -> None:
    async with Cluster(database.url, tmp_path, nodes=0) as cluster:
        status, line = _migrate(database, tmp_path, "--down", "base", "--yes")
        assert status == 1
        assert line.startswith("nothing was changed: ")
        assert str(cluster.queue.pid) in line
        assert "stop it first" in line
        assert migrate.current(database.url) == revisions.head()

        await cluster.queue.stop()
        assert _migrate(database, tmp_path, "--down", "base", "--yes")[0] == 0


def test_it_says_why_a_database_cannot_be_reached_and_hides_the_password(tmp_path: Path) -> None:
    port = free_port()
    done = console(tmp_path, "migrate", "--database-url", f"mysql://console:hunter2@127.0.0.1:{port}/console")

    assert done.returncode == 1
    assert f"DATABASE_URL: no database server answers at 127.0.0.1:{port}" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
