"""`console doctor` on a new folder, a broken one, and a real server with good and bad settings."""

from pathlib import Path

import pytest

from tests.support.console_command import console
from tests.support.mysql_binaries import find_or_fetch
from tests.support.mysql_server import MySQLServer


def test_it_is_content_with_a_migrated_database(tmp_path: Path) -> None:
    console(tmp_path, "migrate")
    done = console(tmp_path, "doctor")

    assert done.returncode == 0, done.stdout
    assert "at this program's newest migration" in done.stdout
    assert "strict: a commit is on disk" in done.stdout


def test_it_names_a_readable_secret_and_an_unmigrated_database(tmp_path: Path) -> None:
    console(tmp_path, "migrate")
    console(tmp_path, "migrate", "--down", "base", "--yes")
    secret = tmp_path / "data" / "jwt_secret"
    secret.write_text("s" * 40)
    secret.chmod(0o644)
    done = console(tmp_path, "doctor")

    assert done.returncode == 1
    assert "chmod 600" in done.stdout
    assert "run `console migrate`" in done.stdout


def test_it_names_what_a_start_would_refuse_and_makes_nothing(tmp_path: Path) -> None:
    console(tmp_path, "migrate")
    done = console(tmp_path, "doctor", ADMIN_USERNAME="admin", TRUSTED_PROXIES="0.0.0.0/0")
    assert done.returncode == 1
    assert "ADMIN_PASSWORD is not set" in done.stdout
    assert "TRUSTED_PROXIES" in done.stdout
    assert not (tmp_path / "data" / "jwt_secret").exists()


def test_it_looks_at_the_folder_for_logs_when_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "LOG_DIR" not in console(tmp_path, "doctor").stdout
    assert "logs on a disk with" in console(tmp_path, "doctor", LOG_DIR="logs").stdout

    done = console(tmp_path, "doctor", LOG_DIR="file/logs")
    assert done.returncode == 1
    assert f"{tmp_path}/file cannot be written to: change its owner, or set LOG_DIR" in done.stdout


@pytest.mark.only_on("mysql")
@pytest.mark.usefixtures("database_kind")
def test_of_a_server_it_names_product_schema_and_each_variable_that_may_lose_a_commit(tmp_path: Path) -> None:
    binaries = find_or_fetch()
    server = MySQLServer(binaries, tmp_path / "server", options=("--log-bin=binlog", "--server-id=1"))
    server.start()
    try:
        server.create_database("console")
        server.query("SET GLOBAL sync_binlog=0")
        url = server.url("console")

        empty = console(tmp_path, "doctor", DATABASE_URL=url)
        assert empty.returncode == 1
        assert f"{'MariaDB' if binaries.kind == 'mariadb' else 'MySQL'} " in empty.stdout
        assert "run `console migrate`" in empty.stdout

        console(tmp_path, "migrate", DATABASE_URL=url)
        relaxed = console(tmp_path, "doctor", DATABASE_URL=url)
        assert relaxed.returncode == 0, relaxed.stdout
        assert "at this program's newest migration" in relaxed.stdout
        assert "innodb_flush_log_at_trx_commit=1 (it is 2) and sync_binlog=1 (it is 0)" in relaxed.stdout

        server.query("SET GLOBAL innodb_flush_log_at_trx_commit=1")
        refused = console(tmp_path, "doctor", DATABASE_URL=url, DURABILITY="strict")
        assert refused.returncode == 1
        assert "refuses to start on it; set sync_binlog=1 (it is 0)" in refused.stdout
        assert "innodb_flush" not in refused.stdout

        server.query("SET GLOBAL sync_binlog=1")
        strict = console(tmp_path, "doctor", DATABASE_URL=url, DURABILITY="strict")
        assert strict.returncode == 0, strict.stdout
        assert "strict: a commit is on disk" in strict.stdout

        missing = console(tmp_path, "doctor", DATABASE_URL=server.url("nowhere"))
        assert missing.returncode == 1
        assert "DATABASE_URL: there is no database nowhere" in missing.stdout
    finally:
        server.stop()
