"""`python -m tools.schema [--check]`: the schema that the migrations make, for both databases, to read and to diff.

MySQL: the statements Alembic would send, in order, without a server. SQLite: what a freshly migrated file says of
itself.
"""

import io
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Final

from alembic import command

from shared.db import migrate
from tools.generated import Generated, run

_HEADER: Final = "-- Made from sql/versions by `python -m tools.schema`: do not edit it here.\n"
_NO_SERVER: Final = "mysql://nobody@nowhere/console"


def generated() -> list[Generated]:
    """Both snapshots."""
    return [
        Generated("sql/schema.mysql.sql", f"{_HEADER}\n{_of_mysql()}"),
        Generated("sql/schema.sqlite.sql", f"{_HEADER}\n{_of_sqlite()}"),
    ]


def _of_mysql() -> str:
    config = migrate.config(_NO_SERVER)
    config.output_buffer = said = io.StringIO()
    command.upgrade(config, "head", sql=True)
    return _tidy(said.getvalue())


def _of_sqlite() -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "console.db"
        migrate.upgrade(f"sqlite:///{path}")
        connection = sqlite3.connect(path)
        try:
            # in the order of creation; what SQLite makes by itself (an index of a constraint) has no text
            rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
        finally:
            connection.close()
    return _tidy("".join(f"{_in_order(sql)};\n\n" for (sql,) in rows))


def _in_order(create: str) -> str:
    """A CREATE TABLE with its constraints by name, the last lines of it: where Alembic copies a table to change it, it
    repeats them in whatever order."""
    lines = create.split("\n")
    constraints = [line.rstrip().rstrip(",") for line in lines if line.lstrip().startswith("CONSTRAINT ")]
    if not constraints:
        return create
    others = [line for line in lines if not line.lstrip().startswith("CONSTRAINT ")]
    return "\n".join([*others[:-1], ",\n".join(sorted(constraints)), others[-1]])


def _tidy(text: str) -> str:
    """Without the spaces at line ends that SQLAlchemy leaves."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


if __name__ == "__main__":
    sys.exit(run(generated(), sys.argv[1:]))
