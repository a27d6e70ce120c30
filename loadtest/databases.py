"""Where the databases of a run come from: a fresh, migrated one for every target of every pass, durable always."""

import contextlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import create_engine, insert, select, text

from shared.clock import SystemClock
from shared.db import migrate
from shared.db.tables import user_table
from shared.organisation import ADMINISTRATOR_ID, HEAD_OFFICE_ID
from tests.support.databases import given_source
from tests.support.mysql_binaries import find_or_fetch
from tests.support.mysql_server import MySQLServer

DatabaseKind = Literal["mysql", "sqlite"]

_ROOMY: Final = {
    "mariadb": ("--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M"),
    "mysql": ("--innodb-buffer-pool-size=512M", "--innodb-redo-log-capacity=256M"),
}


@dataclass(frozen=True, slots=True)
class Databases:
    """One kind of database. `fresh` gives the URL of a migrated one, gone after the block; `pid` is its server's."""

    kind: DatabaseKind
    description: str
    pid: int | None
    fresh: Callable[[], contextlib.AbstractContextManager[str]]


@contextmanager
def sqlite_databases(folder: Path) -> Iterator[Databases]:
    """Files in `folder`."""
    template = folder / "template.db"
    migrate.upgrade(f"sqlite:///{template}")

    @contextmanager
    def fresh() -> Iterator[str]:
        own = folder / uuid.uuid4().hex
        own.mkdir()
        shutil.copy(template, own / "console.db")
        try:
            yield f"sqlite:///{own / 'console.db'}"
        finally:
            shutil.rmtree(own)

    described = f"SQLite {_one(f'sqlite:///{template}', 'SELECT sqlite_version()')[0]}: WAL, synchronous=FULL"
    yield Databases("sqlite", described, None, fresh)


@contextmanager
def mysql_databases(folder: Path, url: str) -> Iterator[Databases]:
    """On the server of `url`, whose account must be allowed to create databases; without one, on a private, durable
    server with its data in `folder`."""
    if url:
        with given_source(url) as source:
            yield _mysql(url, None, source.create, source.drop)
        return
    binaries = find_or_fetch()
    server = MySQLServer(binaries, folder / "mysql", durable=True, options=_ROOMY[binaries.kind])
    server.start()
    try:

        def create(name: str) -> str:
            server.create_database(name)
            return server.url(name)

        yield _mysql(server.url("mysql"), server.pid, create, server.drop_database)
    finally:
        server.stop()


def _mysql(url: str, pid: int | None, create: Callable[[str], str], drop: Callable[[str], None]) -> Databases:
    @contextmanager
    def fresh() -> Iterator[str]:
        name = f"bench_{uuid.uuid4().hex[:12]}"
        made = create(name)
        try:
            migrate.upgrade(made)
            yield made
        finally:
            drop(name)

    version, flush, keeps_binlog, sync_binlog = _one(
        url, "SELECT VERSION(), @@global.innodb_flush_log_at_trx_commit, @@global.log_bin, @@global.sync_binlog"
    )
    described = (
        f"{version}: innodb_flush_log_at_trx_commit={flush}, "
        + (f"binary log with sync_binlog={sync_binlog}" if int(keeps_binlog) else "no binary log")
        + (", private server" if pid else ", given server")
    )
    return Databases("mysql", described, pid, fresh)


def add_administrator(database_url: str, email: str) -> int:
    """Put an administrator into a database that no product runs on; their id."""
    now = SystemClock().now()
    engine = create_engine(migrate.sync_url(database_url))
    try:
        with engine.begin() as db:
            db.execute(
                insert(user_table).values(
                    email=email,
                    password="nobody signs in here",  # noqa: S106
                    username=email,
                    real_name=email,
                    role_id=ADMINISTRATOR_ID,
                    department_id=HEAD_OFFICE_ID,
                    created_at=now,
                    updated_at=now,
                )
            )
            found = db.execute(select(user_table.c.id).where(user_table.c.email == email)).scalar_one()
            return int(found)
    finally:
        engine.dispose()


def _one(database_url: str, sql: str) -> tuple[Any, ...]:
    engine = create_engine(migrate.sync_url(database_url))
    try:
        with engine.connect() as db:
            return tuple(db.execute(text(sql)).one())
    finally:
        engine.dispose()
