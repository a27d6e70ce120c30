"""Departments as a tree, roles with permissions, and what a profile has (seed 004).

`role` of an account becomes `role_id`: 1 administrator, 2 employee. An account's e-mail becomes its user name, the part
before the @ its real name.

Breaking: yes, the program before this one does not know `role_id`. Reversible: yes; what only a role of one's own allowed is
then an employee's, an account without an e-mail gets its user name for one, and one that is turned off is deleted.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
OPTIONS = {
    f"{family}_{name}": value
    for family in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
BEGINNING = datetime(2026, 1, 1)
STAMPS = {"created_at": BEGINNING, "updated_at": BEGINNING}

PERMISSIONS = (
    (1, "task:view", "任务查看", "查看任务的权限"),
    (2, "task:create", "任务创建", "创建任务的权限"),
    (3, "task:update", "任务更新", "编辑任务的权限"),
    (4, "task:delete", "任务删除", "删除任务的权限"),
    (5, "record:view", "记录查看", "查看执行记录的权限"),
    (6, "department:manage", "部门管理", "管理部门的权限"),
    (7, "user:manage", "用户管理", "管理用户的权限"),
    (8, "role:manage", "角色管理", "管理角色的权限"),
    (9, "board:view", "看板查看", "查看看板任务的权限"),
    (10, "board:create", "看板创建", "创建看板任务的权限"),
    (11, "board:update", "看板更新", "编辑看板任务的权限"),
    (12, "board:delete", "看板删除", "删除看板任务的权限"),
    (13, "unit:manage", "执行单元管理", "管理执行单元的权限"),
    (14, "queue:manage", "队列管理", "管理队列的权限"),
    (15, "application:manage", "应用管理", "管理应用及其密钥的权限"),
    (16, "audit:view", "审计查看", "查看审计日志的权限"),
    (17, "system:view", "系统查看", "查看系统状态的权限"),
)
OF_EMPLOYEES = (9, 11)


def upgrade() -> None:
    _departments()
    _roles_and_permissions()
    _profiles()


def _departments() -> None:
    with op.batch_alter_table("department") as table:
        table.alter_column("name", existing_type=sa.String(100), type_=sa.String(255), existing_nullable=False)
        table.add_column(sa.Column("description", sa.String(500)))
        table.add_column(sa.Column("path", sa.String(255), nullable=False, server_default=""))
        table.add_column(sa.Column("enabled", sa.SmallInteger, nullable=False, server_default="1"))
        table.add_column(sa.Column("deleted_at", Instant))
    # there was but one department: nothing made another
    op.execute("UPDATE department SET path = '/1/', description = '总部' WHERE id = 1")
    with op.batch_alter_table("department") as table:
        table.alter_column("path", existing_type=sa.String(255), existing_nullable=False, server_default=None)
    op.create_index("ix_department_parent_id", "department", ["parent_id"])
    op.create_index("ix_department_path", "department", ["path"])


def _roles_and_permissions() -> None:
    role = op.create_table(
        "role",
        sa.Column("id", Id, autoincrement=True),
        sa.Column("code", sa.String(20)),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("live_name", sa.String(50)),
        sa.Column("description", sa.String(255)),
        sa.Column("status", sa.SmallInteger, nullable=False, server_default="1"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_role"),
        sa.UniqueConstraint("code", name="uq_role_code"),
        sa.UniqueConstraint("live_name", name="uq_role_live_name"),
        **OPTIONS,
    )
    permission = op.create_table(
        "permission",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("code", sa.String(50), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("description", sa.String(255)),
        sa.Column("status", sa.SmallInteger, nullable=False, server_default="1"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_permission"),
        sa.UniqueConstraint("code", name="uq_permission_code"),
        **OPTIONS,
    )
    role_permission = op.create_table(
        "role_permission",
        sa.Column("role_id", Id, nullable=False, autoincrement=False),
        sa.Column("permission_id", Id, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("role_id", "permission_id", name="pk_role_permission"),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name="fk_role_permission_role_id"),
        sa.ForeignKeyConstraint(["permission_id"], ["permission.id"], name="fk_role_permission_permission_id"),
        **OPTIONS,
    )
    op.create_index("ix_role_permission_permission_id", "role_permission", ["permission_id"])
    op.bulk_insert(
        role,
        [
            {"id": 1, "code": "admin", "name": "管理员", "live_name": "管理员",
             "description": "拥有所有权限的系统管理员", **STAMPS},
            {"id": 2, "code": "employee", "name": "员工", "live_name": "员工",
             "description": "查看和修改分配给自己的任务", **STAMPS},
        ],
    )
    op.bulk_insert(
        permission, [{"id": i, "code": code, "name": name, "description": means, **STAMPS} for i, code, name, means in PERMISSIONS]
    )
    granted = [(1, permission_id) for permission_id, *_ in PERMISSIONS] + [(2, i) for i in OF_EMPLOYEES]
    op.bulk_insert(role_permission, [{"role_id": r, "permission_id": p} for r, p in granted])


def _profiles() -> None:
    with op.batch_alter_table("user_table") as table:
        table.add_column(sa.Column("username", sa.String(255)))
        table.add_column(sa.Column("real_name", sa.String(255), nullable=False, server_default=""))
        table.add_column(sa.Column("phone", sa.String(50)))
        table.add_column(sa.Column("role_id", Id, nullable=False, server_default="2"))
        table.add_column(sa.Column("status", sa.SmallInteger, nullable=False, server_default="1"))
    op.execute("UPDATE user_table SET username = email, role_id = CASE role WHEN 'admin' THEN 1 ELSE 2 END")
    is_sqlite = op.get_context().dialect.name == "sqlite"
    local_part = "substr(email, 1, instr(email, '@') - 1)" if is_sqlite else "SUBSTRING_INDEX(email, '@', 1)"
    op.execute(f"UPDATE user_table SET real_name = {local_part}")
    op.drop_index("ix_user_table_role", "user_table")
    with op.batch_alter_table("user_table") as table:
        table.alter_column("username", existing_type=sa.String(255), nullable=False)
        table.alter_column("email", existing_type=sa.String(255), nullable=True)
        table.alter_column("real_name", existing_type=sa.String(255), existing_nullable=False, server_default=None)
        table.alter_column("role_id", existing_type=Id, existing_nullable=False, server_default=None)
        table.drop_column("role")
        table.create_unique_constraint("uq_user_table_username", ["username"])
        table.create_foreign_key("fk_user_table_role_id", "role", ["role_id"], ["id"])
    op.create_index("ix_user_table_role_id", "user_table", ["role_id"])


def downgrade() -> None:
    # the program before this one knows no account that is turned off: it would let them in again
    op.execute(
        "UPDATE user_table SET deletedAt = updatedAt WHERE deletedAt IS NULL AND (status = 0 "
        "OR role_id IN (SELECT id FROM role WHERE status = 0) "
        "OR department_id IN (SELECT id FROM department WHERE enabled = 0))"
    )
    op.execute("UPDATE user_table SET email = username WHERE email IS NULL")
    with op.batch_alter_table("user_table") as table:
        table.add_column(sa.Column("role", sa.String(20), nullable=False, server_default="employee"))
    op.execute("UPDATE user_table SET role = 'admin' WHERE role_id = 1")
    with op.batch_alter_table("user_table") as table:
        table.drop_constraint("fk_user_table_role_id", type_="foreignkey")
    op.drop_index("ix_user_table_role_id", "user_table")
    with op.batch_alter_table("user_table") as table:
        table.drop_constraint("uq_user_table_username", type_="unique")
        table.alter_column("email", existing_type=sa.String(255), nullable=False)
        for column in ("username", "real_name", "phone", "role_id", "status"):
            table.drop_column(column)
    op.create_index("ix_user_table_role", "user_table", ["role"])
    for table_name in ("role_permission", "permission", "role"):
        op.drop_table(table_name)
    op.drop_index("ix_department_path", "department")
    if op.get_context().dialect.name != "sqlite":
        # the foreign key needs an index, and had none of its own before
        op.drop_constraint("fk_department_parent_id", "department", type_="foreignkey")
    op.drop_index("ix_department_parent_id", "department")
    with op.batch_alter_table("department") as table:
        if op.get_context().dialect.name != "sqlite":
            table.create_foreign_key("fk_department_parent_id", "department", ["parent_id"], ["id"])
        table.alter_column("name", existing_type=sa.String(255), type_=sa.String(100), existing_nullable=False)
        for column in ("description", "path", "enabled", "deleted_at"):
            table.drop_column(column)
