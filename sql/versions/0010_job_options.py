"""Unique keys of jobs, jobs that may run at most once, and how long a job is kept.

Breaking: no. Reversible: yes; these wishes are forgotten then. Programs of before it cannot forget jobs that have a key:
go down before you go back to them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
OPTIONS = {
    f"{family}_{name}": value
    for family in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
def _columns() -> tuple[sa.Column, ...]:
    return (
        sa.Column("unique_key", sa.String(255)),
        sa.Column("unique_until", Instant),
        sa.Column("holds_key", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("at_most_once", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("kept_completed_s", sa.Integer),
        sa.Column("kept_failed_s", sa.Integer),
    )


def upgrade() -> None:
    for column in _columns():
        op.add_column("job", column)
    op.create_table(
        "job_unique_key",
        sa.Column("digest", sa.CHAR(64), nullable=False),
        sa.Column("job_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_job_unique_key"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_unique_key_job_id"),
        **OPTIONS,
    )
    op.create_index("ix_job_unique_key_job_id", "job_unique_key", ["job_id"])


def downgrade() -> None:
    op.drop_table("job_unique_key")
    for column in _columns():
        op.drop_column("job", column.name)
