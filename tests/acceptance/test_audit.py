"""`console audit verify` as an operator runs it, on what real processes wrote."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from shared.audit import BEGINNING, AuditEntry, sealed
from shared.db.migrate import sync_url
from shared.db.tables import audit_entry
from tests.support.cluster import Cluster
from tests.support.console_command import console
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.writer import A_HASH


async def test_a_chain_that_was_made_anew_is_found_by_a_seal_from_the_log(database: Database, tmp_path: Path) -> None:
    assert said(verify(database, tmp_path)) == (0, "nothing is sealed")
    async with Cluster(database.url, tmp_path, nodes=0) as cluster:
        queue = cluster.queue_client()
        for name in ("a", "b", "c"):
            data = {"email": f"{name}@example.com", "passwordHash": A_HASH}
            async with queue.post("/api/queue/job", json={"type": "register-user", "data": data}) as response:
                assert response.status == 201
        await eventually(lambda: "entry_id=3" in cluster.queue.log, what="the seals in the log")
        [seal] = re.findall(r"entry_id=3 .*\bseal=([0-9a-f]{64})", cluster.queue.log)
        assert said(verify(database, tmp_path, "--expect", f"3:{seal}")) == (0, f"the newest is 3:{seal}")
    database.rows("UPDATE audit_entry SET actor_name = 'somebody else' WHERE id = 2")
    status, line = said(verify(database, tmp_path))
    assert (status, line) == (1, f"the newest is 3:{seal}")
    assert "entry 2 is not what was sealed" in verify(database, tmp_path).stdout
    seal_anew(database)
    assert verify(database, tmp_path).returncode == 0
    done = verify(database, tmp_path, "--expect", f"3:{seal}")
    assert done.returncode == 1
    assert f"the seal 3:{seal} is not in it: the chain was made anew" in done.stdout


def verify(database: Database, folder: Path, *flags: str) -> Any:
    return console(folder, "audit", "verify", *flags, DATABASE_URL=database.url)


def said(done: Any) -> tuple[int, str]:
    """The exit status, and what is said of the newest seal."""
    return done.returncode, re.findall(r"entries are sealed; (.*)", done.stdout)[0]


def seal_anew(database: Database) -> None:
    """What somebody does who may write to the database and knows how it works."""
    database.rows("DELETE FROM audit_seal")
    engine = create_engine(sync_url(database.url))
    with engine.connect() as connection:
        entries = [AuditEntry(*row) for row in connection.execute(select(audit_entry).order_by(audit_entry.c.id))]
    engine.dispose()
    for seal in sealed(entries, BEGINNING):
        database.rows("INSERT INTO audit_seal VALUES (:id, :seal)", id=seal.entry_id, seal=seal.seal)


@pytest.mark.parametrize("given", ["x", "3", "3:x", ":" + "0" * 64, "3:" + "0" * 63])
def test_what_is_no_seal_is_refused(tmp_path: Path, given: str) -> None:
    done = console(tmp_path, "audit", "verify", "--expect", given)
    assert done.returncode == 2
    assert "a seal is ID:SEAL" in done.stderr


def test_a_database_without_the_tables_is_named(tmp_path: Path) -> None:
    done = console(tmp_path, "audit", "verify")
    assert done.returncode == 2
    assert "DATA_DIR: " in done.stdout
    console(tmp_path, "migrate")
    console(tmp_path, "migrate", "--down", "base", "--yes")
    done = console(tmp_path, "audit", "verify")
    assert done.returncode == 2
    assert "run `console migrate`" in done.stdout
