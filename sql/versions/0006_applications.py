"""Applications: programs with keys of their own, what each may do, and the secrets of its keys.

Breaking: no. Reversible: yes; the applications and their keys are gone then.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
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
        "application",
        sa.Column("id", Id, autoincrement=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("description", sa.String(500)),
        sa.Column("department_id", Id, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False, server_default="1"),
        sa.Column("expires_at", Instant),
        sa.Column("created_by_user_id", Id),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_application"),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name="fk_application_department_id"),
        sa.ForeignKeyConstraint(["created_by_user_id"], ["user_table.id"], name="fk_application_created_by_user_id"),
        **OPTIONS,
    )
    op.create_index("ix_application_department_id", "application", ["department_id"])
    op.create_index("ix_application_created_by_user_id", "application", ["created_by_user_id"])
    op.create_table(
        "application_scope",
        sa.Column("application_id", Id, nullable=False, autoincrement=False),
        sa.Column("permission_id", Id, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("application_id", "permission_id", name="pk_application_scope"),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name="fk_application_scope_application_id"),
        sa.ForeignKeyConstraint(["permission_id"], ["permission.id"], name="fk_application_scope_permission_id"),
        **OPTIONS,
    )
    op.create_index("ix_application_scope_permission_id", "application_scope", ["permission_id"])
    op.create_table(
        "application_secret",
        sa.Column("id", Id, autoincrement=True),
        sa.Column("application_id", Id, nullable=False),
        sa.Column("hash", sa.CHAR(64), nullable=False),
        sa.Column("revoked_at", Instant),
        sa.Column("last_used_at", Instant),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_application_secret"),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name="fk_application_secret_application_id"),
        **OPTIONS,
    )
    op.create_index("ix_application_secret_application_id", "application_secret", ["application_id"])


def downgrade() -> None:
    for table_name in ("application_secret", "application_scope", "application"):
        op.drop_table(table_name)
