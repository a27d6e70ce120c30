"""Databases for tests: where a MySQL-family one comes from, and what a test gets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pymysql
from sqlalchemy import create_engine, make_url, text

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

    def through(self, port: int) -> "Database":
        """The same database reached by another port (a proxy's)."""
        return Database(self.kind, make_url(self.url).set(port=port).render_as_string(hide_password=False))


class MySQLSource(Protocol):
    """Makes and drops databases on one server."""

    host: str
    port: int

    def create(self, name: str) -> str:
        """Make an empty database; its URL."""

    def drop(self, name: str) -> None:
        """Remove it."""


class _Private:
    def __init__(self, server: MySQLServer) -> None:
        self._server = server
        self.host, self.port = server.host, server.port

    def create(self, name: str) -> str:
        self._server.create_database(name)
        return self._server.url(name)

    def drop(self, name: str) -> None:
        self._server.drop_database(name)


class _Given:
    """A server somebody else runs. The account of its URL must be allowed to create databases."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.host, self.port = self._url.host or "127.0.0.1", self._url.port or 3306

    def create(self, name: str) -> str:
        self._run(f"CREATE DATABASE `{name}`")
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop(self, name: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS `{name}`")

    def _run(self, sql: str) -> None:
        connection = pymysql.connect(
            host=self.host,
            port=self.port,
            user=self._url.username,
            password=self._url.password or "",
            autocommit=True,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)


@contextmanager
def given_source(url: str) -> Iterator[MySQLSource]:
    """The server of TEST_DATABASE_URL."""
    yield _Given(url)


@contextmanager
def private_source(data_dir: Path) -> Iterator[MySQLSource]:
    """A server of our own for the length of the session."""
    server = MySQLServer(find_or_fetch(), data_dir)
    server.start()
    try:
        yield _Private(server)
    finally:
        server.stop()
