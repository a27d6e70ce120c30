"""Seed 000's users and tasks with departments, stored answers, outbox and the leader's rows.

Breaking: no. Reversible: yes, all data goes.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
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
LONG_AGO = datetime(1970, 1, 1)
BEGINNING = datetime(2026, 1, 1)


def upgrade() -> None:
    department = op.create_table(
        "department",
        sa.Column("id", Id, autoincrement=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("parent_id", Id),
        sa.Column("status", sa.SmallInteger, nullable=False, server_default="1"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_department"),
        sa.ForeignKeyConstraint(["parent_id"], ["department.id"], name="fk_department_parent_id"),
        **OPTIONS,
    )
    op.create_table(
        "user_table",
        sa.Column("id", Id, autoincrement=True),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("role", sa.String(20), nullable=False, server_default="employee"),
        sa.Column("department_id", Id, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("createdAt", Instant, nullable=False),
        sa.Column("updatedAt", Instant, nullable=False),
        sa.Column("deletedAt", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_user_table"),
        sa.UniqueConstraint("email", name="uq_user_table_email"),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name="fk_user_table_department_id"),
        **OPTIONS,
    )
    op.create_index("ix_user_table_department_id", "user_table", ["department_id"])
    op.create_table(
        "task_table",
        sa.Column("id", Id, autoincrement=True),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("category", sa.String(50)),
        sa.Column("tag", sa.String(50)),
        sa.Column("description", sa.Text),
        sa.Column("status", sa.String(20), nullable=False, server_default="todo"),
        sa.Column("createdByUserId", Id, nullable=False),
        sa.Column("assignedToUserId", Id),
        sa.Column("department_id", Id, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("createdAt", Instant, nullable=False),
        sa.Column("updatedAt", Instant, nullable=False),
        sa.Column("deletedAt", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_task_table"),
        sa.ForeignKeyConstraint(["createdByUserId"], ["user_table.id"], name="fk_task_table_createdByUserId"),
        sa.ForeignKeyConstraint(["assignedToUserId"], ["user_table.id"], name="fk_task_table_assignedToUserId"),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name="fk_task_table_department_id"),
        **OPTIONS,
    )
    for column in ("createdByUserId", "assignedToUserId", "department_id"):
        op.create_index(f"ix_task_table_{column}", "task_table", [column, "id"])
    op.create_table(
        "stored_answer",
        sa.Column("operation_id", sa.CHAR(64), nullable=False),
        sa.Column("fingerprint", sa.CHAR(64), nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("body", LongText, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("operation_id", name="pk_stored_answer"),
        **OPTIONS,
    )
    op.create_index("ix_stored_answer_created_at", "stored_answer", ["created_at"])
    op.create_table(
        "outbox_event",
        sa.Column("epoch", Id, nullable=False, autoincrement=False),
        sa.Column("seq", Id, nullable=False, autoincrement=False),
        sa.Column("body", LongText, nullable=False),
        sa.PrimaryKeyConstraint("epoch", "seq", name="pk_outbox_event"),
        **OPTIONS,
    )
    leader = op.create_table(
        "leader",
        sa.Column("id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("epoch", Id, nullable=False),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.Column("address", sa.String(255), nullable=False),
        sa.Column("taken_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_leader"),
        **OPTIONS,
    )
    leader_beat = op.create_table(
        "leader_beat",
        sa.Column("id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("epoch", Id, nullable=False),
        sa.Column("beat_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_leader_beat"),
        **OPTIONS,
    )
    op.create_table(
        "leader_session",
        sa.Column("connection_id", Id, nullable=False, autoincrement=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("epoch", Id, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", name="pk_leader_session"),
        **OPTIONS,
    )
    op.bulk_insert(department, [{"id": 1, "name": "总部", "created_at": BEGINNING, "updated_at": BEGINNING}])
    op.bulk_insert(leader, [{"id": 1, "epoch": 0, "holder": "", "address": "", "taken_at": LONG_AGO}])
    op.bulk_insert(leader_beat, [{"id": 1, "epoch": 0, "beat_at": LONG_AGO}])


def downgrade() -> None:
    for table in (
        "leader_session", "leader_beat", "leader", "outbox_event", "stored_answer", "task_table", "user_table", "department",
    ):
        op.drop_table(table)
