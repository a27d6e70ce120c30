"""Sign-ins that can be refreshed and ended, and what failed sign-ins cost.

Breaking: no. Reversible: yes, everybody has to sign in again.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
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
    op.add_column("user_table", sa.Column("session_epoch", sa.Integer, nullable=False, server_default="1"))
    op.create_index("ix_user_table_role", "user_table", ["role"])
    op.create_table(
        "user_session",
        sa.Column("id", Id, autoincrement=True),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("user_epoch", sa.Integer, nullable=False),
        sa.Column("family_hash", sa.CHAR(64), nullable=False),
        sa.Column("current_hash", sa.CHAR(64), nullable=False),
        sa.Column("rotated_at", Instant),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user_session"),
        sa.ForeignKeyConstraint(["user_id"], ["user_table.id"], name="fk_user_session_user_id"),
        **OPTIONS,
    )
    op.create_index("ix_user_session_user_id", "user_session", ["user_id"])
    op.create_index("ix_user_session_expires_at", "user_session", ["expires_at"])
    op.create_table(
        "sign_in_throttle",
        sa.Column("id", Id, autoincrement=True),
        sa.Column("subject", sa.CHAR(64), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("blocked_until", Instant),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_throttle"),
        sa.UniqueConstraint("subject", name="uq_sign_in_throttle_subject"),
        **OPTIONS,
    )
    op.create_index("ix_sign_in_throttle_updated_at", "sign_in_throttle", ["updated_at"])


def downgrade() -> None:
    op.drop_table("sign_in_throttle")
    op.drop_table("user_session")
    op.drop_index("ix_user_table_role", "user_table")
    op.drop_column("user_table", "session_epoch")
