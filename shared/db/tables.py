"""Every table, once. Migrations in `sql/versions` build the same; a test compares the two on both databases.

`user_table` and `task_table` keep the names, columns and camelCase of seed 000 so that its data moves over as it is;
everything of ours is snake_case. All text compares byte by byte (utf8mb4_bin), as SQLite does.
"""

from typing import Any, Final

from sqlalchemy import (
    CHAR,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from shared.db.types import Id, LongText, UtcMilliseconds

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

_OPTIONS: Final[dict[str, Any]] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}

department: Final = Table(
    "department",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", String(255), nullable=False),
    Column("description", String(500)),
    Column("parent_id", Id, ForeignKey("department.id"), index=True),
    # the ids from the top down to its own, `/1/5/`: what is below a department begins with its path
    Column("path", String(255), nullable=False, index=True),
    Column("status", SmallInteger, nullable=False, server_default="1"),
    # 1 while its own status and that of all above it are 1
    Column("enabled", SmallInteger, nullable=False, server_default="1"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcMilliseconds, nullable=False),
    Column("updated_at", UtcMilliseconds, nullable=False),
    Column("deleted_at", UtcMilliseconds),
    **_OPTIONS,
)

role: Final = Table(
    "role",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    # of the built-in ones only: admin, employee
    Column("code", String(20), unique=True),
    Column("name", String(50), nullable=False),
    # the name while the role exists, so that a deleted one's is free again
    Column("live_name", String(50), unique=True),
    Column("description", String(255)),
    Column("status", SmallInteger, nullable=False, server_default="1"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcMilliseconds, nullable=False),
    Column("updated_at", UtcMilliseconds, nullable=False),
    Column("deleted_at", UtcMilliseconds),
    **_OPTIONS,
)

permission: Final = Table(
    "permission",
    metadata,
    # given by the migration that makes the row: the program knows it (shared/permissions.py)
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("code", String(50), nullable=False, unique=True),
    Column("name", String(50), nullable=False),
    Column("description", String(255)),
    Column("status", SmallInteger, nullable=False, server_default="1"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcMilliseconds, nullable=False),
    Column("updated_at", UtcMilliseconds, nullable=False),
    **_OPTIONS,
)

role_permission: Final = Table(
    "role_permission",
    metadata,
    Column("role_id", Id, ForeignKey("role.id"), primary_key=True, autoincrement=False),
    Column("permission_id", Id, ForeignKey("permission.id"), primary_key=True, autoincrement=False, index=True),
    **_OPTIONS,
)

user_table: Final = Table(
    "user_table",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("email", String(255), unique=True),
    Column("password", String(255), nullable=False),
    Column("department_id", Id, ForeignKey("department.id"), nullable=False, index=True),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("createdAt", UtcMilliseconds, nullable=False, key="created_at"),
    Column("updatedAt", UtcMilliseconds, nullable=False, key="updated_at"),
    Column("deletedAt", UtcMilliseconds, key="deleted_at"),
    # raised to end every session of the person at once
    Column("session_epoch", Integer, nullable=False, server_default="1"),
    # user names and e-mails share one namespace, which the one access lane keeps
    Column("username", String(255), nullable=False, unique=True),
    Column("real_name", String(255), nullable=False),
    Column("phone", String(50)),
    Column("role_id", Id, ForeignKey("role.id"), nullable=False, index=True),
    Column("status", SmallInteger, nullable=False, server_default="1"),
    **_OPTIONS,
)

user_session: Final = Table(
    "user_session",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("user_id", Id, ForeignKey("user_table.id"), nullable=False, index=True),
    Column("user_epoch", Integer, nullable=False),
    # SHA-256 in hex of the parts of a refresh token: whoever reads the table cannot sign in with it
    Column("family_hash", CHAR(64), nullable=False),
    Column("current_hash", CHAR(64), nullable=False),
    Column("rotated_at", UtcMilliseconds),
    Column("expires_at", UtcMilliseconds, nullable=False, index=True),
    Column("ended_at", UtcMilliseconds),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcMilliseconds, nullable=False),
    Column("updated_at", UtcMilliseconds, nullable=False),
    **_OPTIONS,
)

sign_in_throttle: Final = Table(
    "sign_in_throttle",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("subject", CHAR(64), nullable=False, unique=True),
    Column("failures", Integer, nullable=False),
    Column("blocked_until", UtcMilliseconds),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcMilliseconds, nullable=False),
    Column("updated_at", UtcMilliseconds, nullable=False, index=True),
    **_OPTIONS,
)

application: Final = Table(
    "application",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False),
    Column("description", String(500)),
    Column("department_id", Id, ForeignKey("department.id"), nullable=False, index=True),
    Column("status", SmallInteger, nullable=False, server_default="1"),
    Column("expires_at", UtcMilliseconds),
    # nobody, for one that the system made
    Column("created_by_user_id", Id, ForeignKey("user_table.id"), index=True),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcMilliseconds, nullable=False),
    Column("updated_at", UtcMilliseconds, nullable=False),
    Column("deleted_at", UtcMilliseconds),
    **_OPTIONS,
)

application_scope: Final = Table(
    "application_scope",
    metadata,
    Column("application_id", Id, ForeignKey("application.id"), primary_key=True, autoincrement=False),
    Column("permission_id", Id, ForeignKey("permission.id"), primary_key=True, autoincrement=False, index=True),
    **_OPTIONS,
)

application_secret: Final = Table(
    "application_secret",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("application_id", Id, ForeignKey("application.id"), nullable=False, index=True),
    # SHA-256 in hex of 256 random bits: whoever reads the table cannot call the API with it
    Column("hash", CHAR(64), nullable=False),
    Column("revoked_at", UtcMilliseconds),
    # exact to the minute, so that a busy program costs one write in that time
    Column("last_used_at", UtcMilliseconds),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcMilliseconds, nullable=False),
    Column("updated_at", UtcMilliseconds, nullable=False),
    **_OPTIONS,
)

task_table: Final = Table(
    "task_table",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("title", String(255), nullable=False),
    Column("category", String(50)),
    Column("tag", String(50)),
    Column("description", Text),
    Column("status", String(20), nullable=False, server_default="todo"),
    Column("createdByUserId", Id, ForeignKey("user_table.id"), nullable=False, key="created_by_user_id"),
    Column("assignedToUserId", Id, ForeignKey("user_table.id"), key="assigned_to_user_id"),
    Column("department_id", Id, ForeignKey("department.id"), nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("createdAt", UtcMilliseconds, nullable=False, key="created_at"),
    Column("updatedAt", UtcMilliseconds, nullable=False, key="updated_at"),
    Column("deletedAt", UtcMilliseconds, key="deleted_at"),
    Index("ix_task_table_createdByUserId", "created_by_user_id", "id"),
    Index("ix_task_table_assignedToUserId", "assigned_to_user_id", "id"),
    Index("ix_task_table_department_id", "department_id", "id"),
    **_OPTIONS,
)

stored_answer: Final = Table(
    "stored_answer",
    metadata,
    # SHA-256 in hex of the idempotency scope and key: a replay of a commit that happened runs into this row
    Column("operation_id", CHAR(64), primary_key=True),
    Column("fingerprint", CHAR(64), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", LongText, nullable=False),
    Column("created_at", UtcMilliseconds, nullable=False, index=True),
    **_OPTIONS,
)

stored_command: Final = Table(
    "stored_command",
    metadata,
    # a write that was answered 202, under the operation id that its answer will have
    Column("operation_id", CHAR(64), primary_key=True),
    Column("public_id", CHAR(32), nullable=False, unique=True),
    Column("actor_id", Id, nullable=False),
    Column("fingerprint", CHAR(64), nullable=False),
    Column("request", LongText, nullable=False),
    Column("created_at", UtcMilliseconds, nullable=False),
    # absent while it waits to be applied
    Column("ended_at", UtcMilliseconds, index=True),
    **_OPTIONS,
)

outbox_event: Final = Table(
    "outbox_event",
    metadata,
    Column("epoch", Id, primary_key=True, autoincrement=False),
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("body", LongText, nullable=False),
    **_OPTIONS,
)

job: Final = Table(
    "job",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("department_id", Id, ForeignKey("department.id"), nullable=False),
    Column("name", String(255), nullable=False),
    Column("task_type", String(100), nullable=False),
    Column("queue", String(100), nullable=False),
    Column("config", LongText, nullable=False),
    # so that what a unit is given at once can be bounded before it is read
    Column("config_bytes", Integer, nullable=False),
    Column("status", String(10), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("run_at", UtcMilliseconds, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("backoff", String(255), nullable=False),
    Column("timeout_s", Integer, nullable=False),
    Column("expires_at", UtcMilliseconds),
    Column("deadline_at", UtcMilliseconds),
    Column("lapses_at", UtcMilliseconds),
    Column("labels", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("unique_key", String(255)),
    Column("unique_until", UtcMilliseconds),
    Column("holds_key", Boolean, nullable=False, server_default="0"),
    Column("at_most_once", Boolean, nullable=False, server_default="0"),
    Column("kept_completed_s", Integer),
    Column("kept_failed_s", Integer),
    Column("attempt", Integer, nullable=False),
    Column("error_count", Integer, nullable=False),
    Column("crash_count", Integer, nullable=False),
    Column("execution_unit_id", String(100)),
    Column("lease_token", CHAR(32)),
    Column("outcome", String(20)),
    Column("progress", LongText),
    Column("result", LongText),
    Column("error_message", String(1000)),
    Column("error_type", String(255)),
    Column("failure_group", CHAR(16)),
    Column("created_by_user_id", Id),
    Column("created_by_application_id", Id),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcMilliseconds, nullable=False),
    Column("updated_at", UtcMilliseconds, nullable=False),
    Column("started_at", UtcMilliseconds),
    Column("completed_at", UtcMilliseconds),
    # what a unit is given next: of one department, queue and type the most urgent, then the oldest
    Index("ix_job_ready", "department_id", "queue", "task_type", "status", "priority", "run_at", "id"),
    # what runs, for a leader that starts
    Index("ix_job_status", "status", "id"),
    # what time ends next: a wait, an attempt, or the keeping of a finished one
    Index("ix_job_lapses", "status", "lapses_at", "id"),
    **_OPTIONS,
)

job_attempt: Final = Table(
    "job_attempt",
    metadata,
    # written once, when it has ended
    Column("job_id", Id, ForeignKey("job.id"), primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("execution_unit_id", String(100), nullable=False),
    Column("lease_token", CHAR(32), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("error", LongText),
    Column("started_at", UtcMilliseconds, nullable=False),
    Column("ended_at", UtcMilliseconds, nullable=False),
    **_OPTIONS,
)

job_step: Final = Table(
    "job_step",
    metadata,
    # a part of a job that is done: the first result stays
    Column("job_id", Id, ForeignKey("job.id"), primary_key=True, autoincrement=False),
    Column("name", String(100), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("result", LongText, nullable=False),
    Column("at", UtcMilliseconds, nullable=False),
    **_OPTIONS,
)

job_log: Final = Table(
    "job_log",
    metadata,
    # what attempts say of themselves, as their units count it
    Column("job_id", Id, ForeignKey("job.id"), primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("level", String(10), nullable=False),
    Column("message", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("at", UtcMilliseconds, nullable=False),
    **_OPTIONS,
)

job_unique_key: Final = Table(
    "job_unique_key",
    metadata,
    # which job has which unique key, by what stands for it; there as long as the key is held
    Column("digest", CHAR(64), primary_key=True),
    Column("job_id", Id, ForeignKey("job.id"), nullable=False, index=True),
    **_OPTIONS,
)

queue: Final = Table(
    "queue",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("department_id", Id, ForeignKey("department.id"), nullable=False),
    Column("name", String(100), nullable=False, index=True),
    Column("concurrency", Integer),
    Column("starts", Integer),
    Column("starts_per_ms", Integer),
    Column("paused_at", UtcMilliseconds),
    Column("paused_by", Text),
    Column("pause_reason", String(500)),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcMilliseconds, nullable=False),
    Column("updated_at", UtcMilliseconds, nullable=False),
    UniqueConstraint("department_id", "name", name="uq_queue_department_id"),
    **_OPTIONS,
)

queue_start: Final = Table(
    "queue_start",
    metadata,
    # how many jobs of a queue began when, for as long as a limit asks; of queues alone that have one
    Column("queue_id", Id, primary_key=True, autoincrement=False),
    Column("at", UtcMilliseconds, primary_key=True),
    Column("jobs", Integer, nullable=False),
    **_OPTIONS,
)

job_count: Final = Table(
    "job_count",
    metadata,
    # how many jobs there are, kept by whoever changes them: each of the writers adds to rows of its own, so that none
    # waits for another, and the sum over them is what there is
    Column("department_id", Id, primary_key=True, autoincrement=False),
    Column("queue", String(100), primary_key=True),
    Column("task_type", String(100), primary_key=True),
    Column("status", String(10), primary_key=True),
    Column("writer", SmallInteger, primary_key=True, autoincrement=False),
    Column("jobs", Id, nullable=False),
    **_OPTIONS,
)

job_intervention: Final = Table(
    "job_intervention",
    metadata,
    # what somebody did to a job, by the version that it made of it
    Column("job_id", Id, ForeignKey("job.id"), primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("action", String(20), nullable=False),
    Column("actor_kind", String(20), nullable=False),
    Column("actor_id", Id),
    Column("actor_name", String(255)),
    Column("reason", String(500)),
    Column("details", Text, nullable=False),
    Column("at", UtcMilliseconds, nullable=False),
    **_OPTIONS,
)

execution_unit: Final = Table(
    "execution_unit",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("department_id", Id, ForeignKey("department.id"), nullable=False),
    # the id that the unit gave itself
    Column("name_id", String(100), nullable=False, index=True),
    Column("unit_type", String(100), nullable=False),
    Column("unit_name", String(255), nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("endpoint", String(500)),
    Column("task_types", LongText, nullable=False),
    Column("labels", Text, nullable=False),
    Column("boot_nonce", String(100)),
    Column("status", String(10), nullable=False),
    Column("taken_out", SmallInteger, nullable=False),
    Column("current_load", Integer, nullable=False),
    Column("details", LongText, nullable=False),
    Column("last_beat_at", UtcMilliseconds, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcMilliseconds, nullable=False),
    Column("updated_at", UtcMilliseconds, nullable=False),
    Column("deleted_at", UtcMilliseconds),
    UniqueConstraint("department_id", "name_id", name="uq_execution_unit_department_id"),
    **_OPTIONS,
)

audit_entry: Final = Table(
    "audit_entry",
    metadata,
    # no foreign keys: what is on record outlives what it is about
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("at", UtcMilliseconds, nullable=False, index=True),
    Column("actor_kind", String(20), nullable=False),
    Column("actor_id", Id),
    Column("actor_name", String(255)),
    Column("action", String(50), nullable=False),
    Column("entity", String(30), nullable=False),
    Column("entity_id", Id, nullable=False),
    Column("department_id", Id),
    Column("before", LongText),
    Column("after", LongText),
    Column("reason", String(500)),
    Column("request_id", String(128), nullable=False),
    Column("node", String(255), nullable=False),
    Index("ix_audit_entry_actor_id", "actor_id", "id"),
    Index("ix_audit_entry_entity", "entity", "entity_id", "id"),
    Index("ix_audit_entry_department_id", "department_id", "id"),
    **_OPTIONS,
)

audit_seal: Final = Table(
    "audit_seal",
    metadata,
    # apart from the entries, so that nothing ever updates one
    Column("entry_id", Id, primary_key=True, autoincrement=False),
    Column("seal", CHAR(64), nullable=False),
    **_OPTIONS,
)

leader: Final = Table(
    "leader",
    metadata,
    # one row, written only at takeover and share-locked by every batch
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", Id, nullable=False),
    Column("holder", String(255), nullable=False),
    Column("address", String(255), nullable=False),
    Column("taken_at", UtcMilliseconds, nullable=False),
    **_OPTIONS,
)

leader_beat: Final = Table(
    "leader_beat",
    metadata,
    # apart from `leader`, so that a beat never waits for a batch or holds one up
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", Id, nullable=False),
    Column("beat_at", UtcMilliseconds, nullable=False),
    **_OPTIONS,
)

leader_session: Final = Table(
    "leader_session",
    metadata,
    # the writer's own database connections, for a taker to end (docs/adr/0002)
    Column("connection_id", Id, primary_key=True, autoincrement=False),
    Column("host", String(255), nullable=False),
    Column("epoch", Id, nullable=False),
    **_OPTIONS,
)
