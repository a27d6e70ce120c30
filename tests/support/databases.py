"""Databases for tests: where a MySQL-family one comes from, and what a test gets."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pymysql
from sqlalchemy import create_engine, make_url, text

from shared.db import migrate
from shared.db.migrate import sync_url
from tests.support.mysql_binaries import find_or_fetch
from tests.support.mysql_server import MySQLServer

Kind = Literal["sqlite", "mysql"]


@dataclass(frozen=True, slots=True)
class Database:
    """One migrated database."""

    kind: Kind
    url: str

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement over a connection of its own, committed; the rows it returned."""
        engine = create_engine(sync_url(self.url))
        try:
            with engine.begin() as connection:
                result = connection.execute(text(sql), parameters)
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    async def change(self, sql: str, **parameters: Any) -> None:
        """Run one statement that writes. For a test whose service runs in this process: the event loop goes on, so that
        whoever holds the database for a moment lets it go."""
        await asyncio.to_thread(self.rows, sql, **parameters)

    def through(self, port: int) -> "Database":
        """The same database reached by another port (a proxy's)."""
        return Database(self.kind, make_url(self.url).set(port=port).render_as_string(hide_password=False))


class MySQLSource:
    """Databases of one server. The account of `url` must be allowed to make them. A migrated one is a copy of one that
    was: migrating anew for each test took a third of all the tests' time."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.host, self.port = self._url.host or "127.0.0.1", self._url.port or 3306
        self._template = f"template_{uuid.uuid4().hex[:12]}"
        self._tables: dict[str, str] = {}

    def create(self, name: str) -> str:
        """Make an empty database; its URL."""
        self._run(f"CREATE DATABASE `{name}`")
        return self._url.set(database=name).render_as_string(hide_password=False)

    def create_migrated(self, name: str) -> str:
        """Make one with our schema and what the migrations put into it; its URL."""
        if not self._tables:
            migrate.upgrade(self.create(self._template))
            names = [row[0] for row in self._run(f"SHOW TABLES FROM `{self._template}`")]
            self._tables = {n: self._run(f"SHOW CREATE TABLE `{self._template}`.`{n}`")[0][1] for n in names}
        url = self.create(name)
        fill = [f"INSERT INTO `{n}` SELECT * FROM `{self._template}`.`{n}`" for n in self._tables]  # noqa: S608
        self._run(f"USE `{name}`", "SET foreign_key_checks = 0", *self._tables.values(), *fill)
        return url

    def drop(self, name: str) -> None:
        """Remove it."""
        self._run(f"DROP DATABASE IF EXISTS `{name}`")

    def drop_template(self) -> None:
        """Remove what migrated ones are copied from."""
        self.drop(self._template)

    def _run(self, *statements: str) -> list[tuple[Any, ...]]:
        """The rows of the last one."""
        connection = pymysql.connect(
            host=self.host,
            port=self.port,
            user=self._url.username,
            password=self._url.password or "",
            autocommit=True,
        )
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())


@contextmanager
def given_source(url: str) -> Iterator[MySQLSource]:
    """The server of TEST_DATABASE_URL."""
    source = MySQLSource(url)
    try:
        yield source
    finally:
        source.drop_template()


@contextmanager
def private_source(data_dir: Path) -> Iterator[MySQLSource]:
    """A server of our own for the length of the session."""
    server = MySQLServer(find_or_fetch(), data_dir)
    server.start()
    try:
        yield MySQLSource(server.url("mysql"))
    finally:
        server.stop()
