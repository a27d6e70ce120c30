"""Steps of jobs, and what their attempts say.

Breaking: no. Reversible: yes; steps and logs are forgotten then, so that jobs begin anew. Programs of before it cannot
forget jobs that have some: go down before you go back to them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0011"
down_revision = "0010"
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
        "job_step",
        sa.Column("job_id", Id, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("result", LongText, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_job_step"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_step_job_id"),
        **OPTIONS,
    )
    op.create_table(
        "job_log",
        sa.Column("job_id", Id, autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt", "line", name="pk_job_log"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_log_job_id"),
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("job_log")
    op.drop_table("job_step")
