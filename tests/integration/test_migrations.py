"""The schema: migrations and tables agree, both ways, on both databases; what a database says about itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from queue_service.service import QueueService
from queue_service.store.dialect import Arrived, Dialect, dialect_for
from queue_service.store.statement import Part
from shared.clock import SystemClock
from shared.db import migrate, revisions
from shared.db.health import NotMigrated
from shared.db.tables import metadata
from shared.settings import Settings, SettingsError
from tests.support.databases import Database
from tests.support.writer import command, create_task, register, settings_for


def differences(database: Database) -> list[Any]:
    engine = create_engine(migrate.sync_url(database.url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            return list(compare_metadata(context, metadata))
    finally:
        engine.dispose()


def tables(database: Database) -> set[str]:
    engine = create_engine(migrate.sync_url(database.url))
    try:
        return set(inspect(engine).get_table_names()) - {"alembic_version"}
    finally:
        engine.dispose()


def test_migrations_build_exactly_the_tables_the_program_uses(database: Database) -> None:
    assert migrate.current(database.url) == revisions.head()
    assert differences(database) == []


def test_every_migration_goes_back_and_forth(database: Database) -> None:
    migrate.downgrade(database.url, "base")
    assert tables(database) == set()
    migrate.upgrade(database.url)
    assert differences(database) == []
    assert database.rows("SELECT id, name FROM department") == [(1, "总部")]


def test_going_back_lets_nobody_in_who_was_turned_off(database: Database) -> None:
    columns = "id, email, username, real_name, password, department_id, role_id, status, createdAt, updatedAt"
    for number, status in ((1, 1), (2, 0)):
        values = f"{number}, 'u{number}@example.com', 'u{number}', 'x', 'x', 1, 2, {status}"
        stamps = "'2026-01-01 00:00:00.000000', '2026-01-02 00:00:00.000000'"
        database.rows(f"INSERT INTO user_table ({columns}) VALUES ({values}, {stamps})")  # noqa: S608
    migrate.downgrade(database.url, "0003")
    assert database.rows("SELECT id FROM user_table WHERE deletedAt IS NULL") == [(1,)]


def service_on(database: Database, data_dir: Path, **more: Any) -> QueueService:
    settings: Settings = settings_for(database, data_dir, **more)
    return QueueService(settings, SystemClock(), on_deposed=lambda: None)


async def test_a_database_without_the_schema_is_refused_with_what_to_run(database: Database, tmp_path: Path) -> None:
    migrate.downgrade(database.url, "base")
    service = service_on(database, tmp_path)
    with pytest.raises(NotMigrated, match="run `console migrate`"):
        await service.start()
    await service._engine.dispose()


@pytest.mark.only_on("mysql")
async def test_strict_durability_refuses_a_server_that_may_lose_a_commit(database: Database, tmp_path: Path) -> None:
    [(flush,)] = database.rows("SELECT @@global.innodb_flush_log_at_trx_commit")
    database.rows("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    service = service_on(database, tmp_path, durability="strict")
    try:
        with pytest.raises(SettingsError, match="innodb_flush_log_at_trx_commit=1"):
            await service.start()
    finally:
        database.rows(f"SET GLOBAL innodb_flush_log_at_trx_commit = {int(flush)}")
        await service._engine.dispose()


@pytest.mark.only_on("sqlite")
async def test_sqlite_is_durable_as_it_comes(database: Database, tmp_path: Path) -> None:
    service = service_on(database, tmp_path, durability="strict")
    await service.start()
    assert service.status()["durability"] == "strict"
    assert database.rows("PRAGMA journal_mode") == [("wal",)]
    await service.stop()


async def test_no_parameter_travels_as_bytes(service: QueueService, monkeypatch: pytest.MonkeyPatch) -> None:
    """aiomysql 0.3 fails on them with PyMySQL 1.2.3 and later."""
    seen: list[Any] = []
    family = type(dialect_for(service._engine.dialect))
    send = family.send

    async def note(self: Dialect, connection: Any, parts: Sequence[Part], arrived: Arrived) -> None:
        seen.extend(value for _, parameters in parts for value in parameters)
        await send(self, connection, parts, arrived)

    monkeypatch.setattr(family, "send", note)
    admin = await register(service)
    task = await create_task(service, admin, "表情 🎉", description="多字节 " * 100)
    update = {"taskId": task["id"], "updates": {"tag": "前端"}}
    answer = await service.intake.submit(command("update-task", update, actor=admin, version=1))
    assert (answer.data["title"], answer.data["tag"]) == ("表情 🎉", "前端")
    assert len(seen) > 20
    assert [value for value in seen if isinstance(value, bytes | bytearray)] == []
