"""Commands stored before they are applied (`Prefer: respond-async`).

The board's lists got no index: none was worth what it costs every write (docs/adr/0011).

Breaking: no. Reversible: yes, commands that wait are forgotten.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
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
        "stored_command",
        sa.Column("operation_id", sa.CHAR(64), nullable=False),
        sa.Column("public_id", sa.CHAR(32), nullable=False),
        sa.Column("actor_id", Id, nullable=False),
        sa.Column("fingerprint", sa.CHAR(64), nullable=False),
        sa.Column("request", LongText, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.PrimaryKeyConstraint("operation_id", name="pk_stored_command"),
        sa.UniqueConstraint("public_id", name="uq_stored_command_public_id"),
        **OPTIONS,
    )
    op.create_index("ix_stored_command_ended_at", "stored_command", ["ended_at"])


def downgrade() -> None:
    op.drop_table("stored_command")
