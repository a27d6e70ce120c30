"""Queues, and how many jobs there are.

Breaking: no. Reversible: yes; limits and pauses of queues are forgotten then. Counts the jobs that are there, and makes
an index over them anew: with millions of them it takes minutes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
OPTIONS = {
    f"{family}_{name}": value
    for family in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
BY_QUEUE = ["department_id", "queue", "task_type", "status", "priority", "run_at", "id"]


def upgrade() -> None:
    op.create_table(
        "queue",
        sa.Column("id", Id, autoincrement=True),
        sa.Column("department_id", Id, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("concurrency", sa.Integer),
        sa.Column("starts", sa.Integer),
        sa.Column("starts_per_ms", sa.Integer),
        sa.Column("paused_at", Instant),
        sa.Column("paused_by", sa.Text),
        sa.Column("pause_reason", sa.String(500)),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_queue"),
        sa.UniqueConstraint("department_id", "name", name="uq_queue_department_id"),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name="fk_queue_department_id"),
        **OPTIONS,
    )
    op.create_index("ix_queue_name", "queue", ["name"])
    op.create_table(
        "queue_start",
        sa.Column("queue_id", Id, autoincrement=False, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("jobs", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("queue_id", "at", name="pk_queue_start"),
        **OPTIONS,
    )
    op.create_table(
        "job_count",
        sa.Column("department_id", Id, autoincrement=False, nullable=False),
        sa.Column("queue", sa.String(100), nullable=False),
        sa.Column("task_type", sa.String(100), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("writer", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("jobs", Id, nullable=False),
        sa.PrimaryKeyConstraint("department_id", "queue", "task_type", "status", "writer", name="pk_job_count"),
        **OPTIONS,
    )
    op.execute(
        "INSERT INTO job_count (department_id, queue, task_type, status, writer, jobs) "
        "SELECT department_id, queue, task_type, status, 0, COUNT(*) FROM job "
        "GROUP BY department_id, queue, task_type, status"
    )
    _index(BY_QUEUE)


def downgrade() -> None:
    _index([name for name in BY_QUEUE if name != "queue"])
    for name in ("job_count", "queue_start", "queue"):
        op.drop_table(name)


def _index(columns: list[str]) -> None:
    """The new one first: a foreign key of MySQL wants one that begins with its column all the time."""
    op.create_index("ix_job_ready_new", "job", columns)
    op.drop_index("ix_job_ready", "job")
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("ix_job_ready", "job", columns)
        op.drop_index("ix_job_ready_new", "job")
    else:
        op.execute("ALTER TABLE job RENAME INDEX ix_job_ready_new TO ix_job_ready")
