"""Migrations: Alembic over `sql/`, in process. Each function is synchronous and safe to repeat."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, make_url

from shared.db.revisions import SQL_DIR


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`. A SQLite file and its folder are made when they do not exist."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    command.upgrade(config(database_url), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Take the schema back to `revision` (`base` for an empty database). Data of dropped tables is lost."""
    command.downgrade(config(database_url), revision)


def current(database_url: str) -> str | None:
    """The revision the database is at; None for one that was never migrated."""
    engine = create_engine(sync_url(database_url))
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def config(database_url: str) -> Config:
    """Alembic's configuration without a file: where the scripts are and which database is meant."""
    made = Config()
    made.set_main_option("script_location", str(SQL_DIR))
    made.attributes["database_url"] = sync_url(database_url)
    return made


def sync_url(database_url: str) -> str:
    """The URL for a synchronous driver: PyMySQL, or the standard library's sqlite3."""
    url = make_url(database_url)
    driver = {"mysql": "mysql+pymysql", "sqlite": "sqlite"}[url.get_backend_name()]
    return url.set(drivername=driver).render_as_string(hide_password=False)
