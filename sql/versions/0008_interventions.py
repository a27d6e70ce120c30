"""What people and programs did to jobs.

Breaking: no. Reversible: yes; who paused, cancelled or retried which job is forgotten then.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
OPTIONS = {
    f"{family}_{name}": value
    for family in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    op.create_table(
        "job_intervention",
        sa.Column("job_id", Id, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("actor_kind", sa.String(20), nullable=False),
        sa.Column("actor_id", Id),
        sa.Column("actor_name", sa.String(255)),
        sa.Column("reason", sa.String(500)),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "version", name="pk_job_intervention"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_intervention_job_id"),
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("job_intervention")
