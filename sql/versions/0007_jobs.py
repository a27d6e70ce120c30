"""Jobs, the attempts at them, and the execution units that run them.

Breaking: no. Reversible: yes; all of them are gone then.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
LongText = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
OPTIONS = {
    f"{family}_{name}": value
    for family in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    op.create_table(
        "execution_unit",
        sa.Column("id", Id, autoincrement=True),
        sa.Column("department_id", Id, nullable=False),
        sa.Column("name_id", sa.String(100), nullable=False),
        sa.Column("unit_type", sa.String(100), nullable=False),
        sa.Column("unit_name", sa.String(255), nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
        sa.Column("endpoint", sa.String(500)),
        sa.Column("task_types", LongText, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("boot_nonce", sa.String(100)),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("taken_out", sa.SmallInteger, nullable=False),
        sa.Column("current_load", sa.Integer, nullable=False),
        sa.Column("details", LongText, nullable=False),
        sa.Column("last_beat_at", Instant, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_execution_unit"),
        sa.UniqueConstraint("department_id", "name_id", name="uq_execution_unit_department_id"),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name="fk_execution_unit_department_id"),
        **OPTIONS,
    )
    op.create_index("ix_execution_unit_name_id", "execution_unit", ["name_id"])
    op.create_table(
        "job",
        sa.Column("id", Id, autoincrement=True),
        sa.Column("department_id", Id, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("task_type", sa.String(100), nullable=False),
        sa.Column("queue", sa.String(100), nullable=False),
        sa.Column("config", LongText, nullable=False),
        sa.Column("config_bytes", sa.Integer, nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("run_at", Instant, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("backoff", sa.String(255), nullable=False),
        sa.Column("timeout_s", sa.Integer, nullable=False),
        sa.Column("expires_at", Instant),
        sa.Column("deadline_at", Instant),
        sa.Column("lapses_at", Instant),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("error_count", sa.Integer, nullable=False),
        sa.Column("crash_count", sa.Integer, nullable=False),
        sa.Column("execution_unit_id", sa.String(100)),
        sa.Column("lease_token", sa.CHAR(32)),
        sa.Column("outcome", sa.String(20)),
        sa.Column("progress", LongText),
        sa.Column("result", LongText),
        sa.Column("error_message", sa.String(1000)),
        sa.Column("created_by_user_id", Id),
        sa.Column("created_by_application_id", Id),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("started_at", Instant),
        sa.Column("completed_at", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name="fk_job_department_id"),
        **OPTIONS,
    )
    op.create_index("ix_job_ready", "job", ["department_id", "task_type", "status", "priority", "run_at", "id"])
    op.create_index("ix_job_status", "job", ["status", "id"])
    op.create_index("ix_job_lapses", "job", ["status", "lapses_at", "id"])
    op.create_table(
        "job_attempt",
        sa.Column("job_id", Id, autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("execution_unit_id", sa.String(100), nullable=False),
        sa.Column("lease_token", sa.CHAR(32), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("error", LongText),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt", name="pk_job_attempt"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_attempt_job_id"),
        **OPTIONS,
    )


def downgrade() -> None:
    for name in ("job_attempt", "job", "execution_unit"):
        op.drop_table(name)
