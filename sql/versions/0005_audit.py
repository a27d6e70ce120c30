"""The audit log and its seals.

Breaking: no, the program before this one only puts nothing on record. Reversible: yes; what is on record is deleted.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
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
        "audit_entry",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("actor_kind", sa.String(20), nullable=False),
        sa.Column("actor_id", Id),
        sa.Column("actor_name", sa.String(255)),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("entity", sa.String(30), nullable=False),
        sa.Column("entity_id", Id, nullable=False),
        sa.Column("department_id", Id),
        sa.Column("before", LongText),
        sa.Column("after", LongText),
        sa.Column("reason", sa.String(500)),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("node", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entry"),
        **OPTIONS,
    )
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])
    op.create_index("ix_audit_entry_actor_id", "audit_entry", ["actor_id", "id"])
    op.create_index("ix_audit_entry_entity", "audit_entry", ["entity", "entity_id", "id"])
    op.create_index("ix_audit_entry_department_id", "audit_entry", ["department_id", "id"])
    op.create_table(
        "audit_seal",
        sa.Column("entry_id", Id, autoincrement=False, nullable=False),
        sa.Column("seal", sa.CHAR(64), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name="pk_audit_seal"),
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("audit_seal")
    op.drop_table("audit_entry")
