"""Which migrations there are, told by their files: the daemon and the nodes need not load Alembic for it."""

from pathlib import Path
from typing import Final

SQL_DIR: Final = Path(__file__).resolve().parents[2] / "sql"


def head() -> str:
    """The newest revision this program knows. A file of `sql/versions` is called `<revision>_<what for>.py`."""
    return max(path.stem.partition("_")[0] for path in SQL_DIR.glob("versions/[0-9]*_*.py"))
