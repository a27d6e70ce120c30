"""How each server of the family is told to make its data directory, and to serve from it. No process, no wait."""

import os
from pathlib import Path
from typing import Final

from tests.support.mysql_binaries import ServerBinaries

# One statement a line, which is how a server reads its --init-file.
ACCOUNT_SQL: Final = """\
CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';
GRANT ALL ON *.* TO '{user}'@'%' WITH GRANT OPTION;
"""
FAST: Final = {
    # 2: every commit reaches the kernel, and survives a killed process, but is not synced to disk.
    "mariadb": ("--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync", "--innodb-doublewrite=0"),
    "mysql": ("--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=OFF", "--disable-log-bin"),
}
DURABLE: Final = {
    "mariadb": ("--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1"),  # it keeps no binary log unasked
    "mysql": ("--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=ON", "--sync-binlog=1"),
}
SMALL: Final = {
    "mariadb": ("--innodb-log-file-size=32M",),
    "mysql": ("--innodb-redo-log-capacity=32M", "--mysqlx=OFF"),
}


def initialise_options(binaries: ServerBinaries, db: Path) -> list[str]:
    """Options of the run that makes the data directory `db`; it reads `bootstrap_sql` from stdin."""
    if binaries.kind == "mysql":
        return [*_common(binaries, db), "--initialize-insecure"]
    db.mkdir(exist_ok=True)
    mode = ["--bootstrap", "--enforce-storage-engine=", "--max-allowed-packet=16M", "--skip-log-bin"]
    return [*_common(binaries, db), *mode, *FAST["mariadb"], *SMALL["mariadb"]]


def bootstrap_sql(binaries: ServerBinaries) -> bytes:
    """The system tables, for MariaDB's bootstrap run; MySQL makes its own and gets nothing.

    This stands for mariadb-install-db, which wants programs of further packages.
    """
    if binaries.kind == "mysql":
        return b""
    names = ("system_tables", "performance_tables", "system_tables_data")
    files = [_either(binaries.share, f"mariadb_{name}.sql", f"mysql_{name}.sql") for name in names]
    files.append(binaries.share / "maria_add_gis_sp_bootstrap.sql")
    head = b"create database mysql;\nuse mysql;\nset @auth_root_socket=NULL;\n"
    return head + b"".join(file.read_bytes() for file in files)


def serve_options(binaries: ServerBinaries, db: Path, port: int, *, durable: bool) -> list[str]:
    """Options of a run that serves `db` on 127.0.0.1:`port`, with the test account of `account.sql` beside `db`."""
    return [
        *_common(binaries, db),
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--socket=mysql.sock",  # relative to the data directory: an absolute path is soon longer than the 108 allowed
        f"--pid-file={db / 'server.pid'}",
        f"--init-file={db.parent / 'account.sql'}",
        "--character-set-server=utf8mb4",  # MariaDB's own default is latin1
        "--performance-schema=OFF",
        "--innodb-buffer-pool-size=128M",
        *(DURABLE if durable else FAST)[binaries.kind],
        *SMALL[binaries.kind],
    ]


def _common(binaries: ServerBinaries, db: Path) -> list[str]:
    # a server that starts deletes what it takes for its own old temporary tables, and would find those of another one
    own = db.parent / "tmp"
    own.mkdir(exist_ok=True)
    options = ["--no-defaults", f"--datadir={db}", f"--tmpdir={own}", f"--lc-messages-dir={binaries.share}"]
    if binaries.kind == "mysql":
        options += ["--secure-file-priv=NULL", f"--basedir={binaries.tree}"]  # Debian's default folder may not exist
    if binaries.plugins is not None:
        options.append(f"--plugin-dir={binaries.plugins}")
    if os.geteuid() == 0:
        options.append("--user=root")  # else it refuses to run as root
    return options


def _either(folder: Path, *names: str) -> Path:
    return next((folder / name for name in names if (folder / name).exists()), folder / names[0])
