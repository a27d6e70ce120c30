-- Made from sql/versions by `python -m tools.schema`: do not edit it here.

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

CREATE TABLE department (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(100) NOT NULL,
    parent_id BIGINT,
    status SMALLINT NOT NULL DEFAULT '1',
    version INTEGER NOT NULL DEFAULT '1',
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    CONSTRAINT pk_department PRIMARY KEY (id),
    CONSTRAINT fk_department_parent_id FOREIGN KEY(parent_id) REFERENCES department (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE user_table (
    id BIGINT NOT NULL AUTO_INCREMENT,
    email VARCHAR(255) NOT NULL,
    password VARCHAR(255) NOT NULL,
    `role` VARCHAR(20) NOT NULL DEFAULT 'employee',
    department_id BIGINT NOT NULL,
    version INTEGER NOT NULL DEFAULT '1',
    `createdAt` DATETIME(3) NOT NULL,
    `updatedAt` DATETIME(3) NOT NULL,
    `deletedAt` DATETIME(3),
    CONSTRAINT pk_user_table PRIMARY KEY (id),
    CONSTRAINT uq_user_table_email UNIQUE (email),
    CONSTRAINT fk_user_table_department_id FOREIGN KEY(department_id) REFERENCES department (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_user_table_department_id ON user_table (department_id);

CREATE TABLE task_table (
    id BIGINT NOT NULL AUTO_INCREMENT,
    title VARCHAR(255) NOT NULL,
    category VARCHAR(50),
    tag VARCHAR(50),
    description TEXT,
    status VARCHAR(20) NOT NULL DEFAULT 'todo',
    `createdByUserId` BIGINT NOT NULL,
    `assignedToUserId` BIGINT,
    department_id BIGINT NOT NULL,
    version INTEGER NOT NULL DEFAULT '1',
    `createdAt` DATETIME(3) NOT NULL,
    `updatedAt` DATETIME(3) NOT NULL,
    `deletedAt` DATETIME(3),
    CONSTRAINT pk_task_table PRIMARY KEY (id),
    CONSTRAINT `fk_task_table_createdByUserId` FOREIGN KEY(`createdByUserId`) REFERENCES user_table (id),
    CONSTRAINT `fk_task_table_assignedToUserId` FOREIGN KEY(`assignedToUserId`) REFERENCES user_table (id),
    CONSTRAINT fk_task_table_department_id FOREIGN KEY(department_id) REFERENCES department (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX `ix_task_table_createdByUserId` ON task_table (`createdByUserId`, id);

CREATE INDEX `ix_task_table_assignedToUserId` ON task_table (`assignedToUserId`, id);

CREATE INDEX ix_task_table_department_id ON task_table (department_id, id);

CREATE TABLE stored_answer (
    operation_id CHAR(64) NOT NULL,
    fingerprint CHAR(64) NOT NULL,
    status SMALLINT NOT NULL,
    body MEDIUMTEXT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    CONSTRAINT pk_stored_answer PRIMARY KEY (operation_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_stored_answer_created_at ON stored_answer (created_at);

CREATE TABLE outbox_event (
    epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    body MEDIUMTEXT NOT NULL,
    CONSTRAINT pk_outbox_event PRIMARY KEY (epoch, seq)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE leader (
    id SMALLINT NOT NULL,
    epoch BIGINT NOT NULL,
    holder VARCHAR(255) NOT NULL,
    address VARCHAR(255) NOT NULL,
    taken_at DATETIME(3) NOT NULL,
    CONSTRAINT pk_leader PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE leader_beat (
    id SMALLINT NOT NULL,
    epoch BIGINT NOT NULL,
    beat_at DATETIME(3) NOT NULL,
    CONSTRAINT pk_leader_beat PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE leader_session (
    connection_id BIGINT NOT NULL,
    host VARCHAR(255) NOT NULL,
    epoch BIGINT NOT NULL,
    CONSTRAINT pk_leader_session PRIMARY KEY (connection_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO department (id, name, created_at, updated_at) VALUES (1, '总部', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO leader (id, epoch, holder, address, taken_at) VALUES (1, 0, '', '', '1970-01-01 00:00:00');

INSERT INTO leader_beat (id, epoch, beat_at) VALUES (1, 0, '1970-01-01 00:00:00');

INSERT INTO alembic_version (version_num) VALUES ('0001');

-- Running upgrade 0001 -> 0002

ALTER TABLE user_table ADD COLUMN session_epoch INTEGER NOT NULL DEFAULT '1';

CREATE INDEX ix_user_table_role ON user_table (`role`);

CREATE TABLE user_session (
    id BIGINT NOT NULL AUTO_INCREMENT,
    user_id BIGINT NOT NULL,
    user_epoch INTEGER NOT NULL,
    family_hash CHAR(64) NOT NULL,
    current_hash CHAR(64) NOT NULL,
    rotated_at DATETIME(3),
    expires_at DATETIME(3) NOT NULL,
    ended_at DATETIME(3),
    version INTEGER NOT NULL DEFAULT '1',
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    CONSTRAINT pk_user_session PRIMARY KEY (id),
    CONSTRAINT fk_user_session_user_id FOREIGN KEY(user_id) REFERENCES user_table (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_user_session_user_id ON user_session (user_id);

CREATE INDEX ix_user_session_expires_at ON user_session (expires_at);

CREATE TABLE sign_in_throttle (
    id BIGINT NOT NULL AUTO_INCREMENT,
    subject CHAR(64) NOT NULL,
    failures INTEGER NOT NULL,
    blocked_until DATETIME(3),
    version INTEGER NOT NULL DEFAULT '1',
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    CONSTRAINT pk_sign_in_throttle PRIMARY KEY (id),
    CONSTRAINT uq_sign_in_throttle_subject UNIQUE (subject)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_sign_in_throttle_updated_at ON sign_in_throttle (updated_at);

UPDATE alembic_version SET version_num='0002' WHERE alembic_version.version_num = '0001';

-- Running upgrade 0002 -> 0003

CREATE TABLE stored_command (
    operation_id CHAR(64) NOT NULL,
    public_id CHAR(32) NOT NULL,
    actor_id BIGINT NOT NULL,
    fingerprint CHAR(64) NOT NULL,
    request MEDIUMTEXT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    ended_at DATETIME(3),
    CONSTRAINT pk_stored_command PRIMARY KEY (operation_id),
    CONSTRAINT uq_stored_command_public_id UNIQUE (public_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_stored_command_ended_at ON stored_command (ended_at);

UPDATE alembic_version SET version_num='0003' WHERE alembic_version.version_num = '0002';

-- Running upgrade 0003 -> 0004

ALTER TABLE department MODIFY name VARCHAR(255) NOT NULL;

ALTER TABLE department ADD COLUMN description VARCHAR(500);

ALTER TABLE department ADD COLUMN path VARCHAR(255) NOT NULL DEFAULT '';

ALTER TABLE department ADD COLUMN enabled SMALLINT NOT NULL DEFAULT '1';

ALTER TABLE department ADD COLUMN deleted_at DATETIME(3);

UPDATE department SET path = '/1/', description = '总部' WHERE id = 1;

ALTER TABLE department ALTER COLUMN path DROP DEFAULT;

CREATE INDEX ix_department_parent_id ON department (parent_id);

CREATE INDEX ix_department_path ON department (path);

CREATE TABLE `role` (
    id BIGINT NOT NULL AUTO_INCREMENT,
    code VARCHAR(20),
    name VARCHAR(50) NOT NULL,
    live_name VARCHAR(50),
    description VARCHAR(255),
    status SMALLINT NOT NULL DEFAULT '1',
    version INTEGER NOT NULL DEFAULT '1',
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    deleted_at DATETIME(3),
    CONSTRAINT pk_role PRIMARY KEY (id),
    CONSTRAINT uq_role_code UNIQUE (code),
    CONSTRAINT uq_role_live_name UNIQUE (live_name)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE permission (
    id BIGINT NOT NULL,
    code VARCHAR(50) NOT NULL,
    name VARCHAR(50) NOT NULL,
    description VARCHAR(255),
    status SMALLINT NOT NULL DEFAULT '1',
    version INTEGER NOT NULL DEFAULT '1',
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    CONSTRAINT pk_permission PRIMARY KEY (id),
    CONSTRAINT uq_permission_code UNIQUE (code)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE role_permission (
    role_id BIGINT NOT NULL,
    permission_id BIGINT NOT NULL,
    CONSTRAINT pk_role_permission PRIMARY KEY (role_id, permission_id),
    CONSTRAINT fk_role_permission_role_id FOREIGN KEY(role_id) REFERENCES `role` (id),
    CONSTRAINT fk_role_permission_permission_id FOREIGN KEY(permission_id) REFERENCES permission (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_role_permission_permission_id ON role_permission (permission_id);

INSERT INTO `role` (id, code, name, live_name, description, created_at, updated_at) VALUES (1, 'admin', '管理员', '管理员', '拥有所有权限的系统管理员', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO `role` (id, code, name, live_name, description, created_at, updated_at) VALUES (2, 'employee', '员工', '员工', '查看和修改分配给自己的任务', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (1, 'task:view', '任务查看', '查看任务的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (2, 'task:create', '任务创建', '创建任务的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (3, 'task:update', '任务更新', '编辑任务的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (4, 'task:delete', '任务删除', '删除任务的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (5, 'record:view', '记录查看', '查看执行记录的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (6, 'department:manage', '部门管理', '管理部门的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (7, 'user:manage', '用户管理', '管理用户的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (8, 'role:manage', '角色管理', '管理角色的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (9, 'board:view', '看板查看', '查看看板任务的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (10, 'board:create', '看板创建', '创建看板任务的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (11, 'board:update', '看板更新', '编辑看板任务的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (12, 'board:delete', '看板删除', '删除看板任务的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (13, 'unit:manage', '执行单元管理', '管理执行单元的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (14, 'queue:manage', '队列管理', '管理队列的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (15, 'application:manage', '应用管理', '管理应用及其密钥的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (16, 'audit:view', '审计查看', '查看审计日志的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO permission (id, code, name, description, created_at, updated_at) VALUES (17, 'system:view', '系统查看', '查看系统状态的权限', '2026-01-01 00:00:00', '2026-01-01 00:00:00');

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 1);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 2);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 3);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 4);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 5);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 6);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 7);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 8);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 9);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 10);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 11);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 12);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 13);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 14);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 15);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 16);

INSERT INTO role_permission (role_id, permission_id) VALUES (1, 17);

INSERT INTO role_permission (role_id, permission_id) VALUES (2, 9);

INSERT INTO role_permission (role_id, permission_id) VALUES (2, 11);

ALTER TABLE user_table ADD COLUMN username VARCHAR(255);

ALTER TABLE user_table ADD COLUMN real_name VARCHAR(255) NOT NULL DEFAULT '';

ALTER TABLE user_table ADD COLUMN phone VARCHAR(50);

ALTER TABLE user_table ADD COLUMN role_id BIGINT NOT NULL DEFAULT '2';

ALTER TABLE user_table ADD COLUMN status SMALLINT NOT NULL DEFAULT '1';

UPDATE user_table SET username = email, role_id = CASE role WHEN 'admin' THEN 1 ELSE 2 END;

UPDATE user_table SET real_name = SUBSTRING_INDEX(email, '@', 1);

DROP INDEX ix_user_table_role ON user_table;

ALTER TABLE user_table MODIFY username VARCHAR(255) NOT NULL;

ALTER TABLE user_table MODIFY email VARCHAR(255) NULL;

ALTER TABLE user_table ALTER COLUMN real_name DROP DEFAULT;

ALTER TABLE user_table ALTER COLUMN role_id DROP DEFAULT;

ALTER TABLE user_table DROP COLUMN `role`;

ALTER TABLE user_table ADD CONSTRAINT uq_user_table_username UNIQUE (username);

ALTER TABLE user_table ADD CONSTRAINT fk_user_table_role_id FOREIGN KEY(role_id) REFERENCES `role` (id);

CREATE INDEX ix_user_table_role_id ON user_table (role_id);

UPDATE alembic_version SET version_num='0004' WHERE alembic_version.version_num = '0003';

-- Running upgrade 0004 -> 0005

CREATE TABLE audit_entry (
    id BIGINT NOT NULL,
    at DATETIME(3) NOT NULL,
    actor_kind VARCHAR(20) NOT NULL,
    actor_id BIGINT,
    actor_name VARCHAR(255),
    action VARCHAR(50) NOT NULL,
    entity VARCHAR(30) NOT NULL,
    entity_id BIGINT NOT NULL,
    department_id BIGINT,
    `before` MEDIUMTEXT,
    after MEDIUMTEXT,
    reason VARCHAR(500),
    request_id VARCHAR(128) NOT NULL,
    node VARCHAR(255) NOT NULL,
    CONSTRAINT pk_audit_entry PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_audit_entry_at ON audit_entry (at);

CREATE INDEX ix_audit_entry_actor_id ON audit_entry (actor_id, id);

CREATE INDEX ix_audit_entry_entity ON audit_entry (entity, entity_id, id);

CREATE INDEX ix_audit_entry_department_id ON audit_entry (department_id, id);

CREATE TABLE audit_seal (
    entry_id BIGINT NOT NULL,
    seal CHAR(64) NOT NULL,
    CONSTRAINT pk_audit_seal PRIMARY KEY (entry_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

UPDATE alembic_version SET version_num='0005' WHERE alembic_version.version_num = '0004';

-- Running upgrade 0005 -> 0006

CREATE TABLE application (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(100) NOT NULL,
    description VARCHAR(500),
    department_id BIGINT NOT NULL,
    status SMALLINT NOT NULL DEFAULT '1',
    expires_at DATETIME(3),
    created_by_user_id BIGINT,
    version INTEGER NOT NULL DEFAULT '1',
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    deleted_at DATETIME(3),
    CONSTRAINT pk_application PRIMARY KEY (id),
    CONSTRAINT fk_application_department_id FOREIGN KEY(department_id) REFERENCES department (id),
    CONSTRAINT fk_application_created_by_user_id FOREIGN KEY(created_by_user_id) REFERENCES user_table (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_application_department_id ON application (department_id);

CREATE INDEX ix_application_created_by_user_id ON application (created_by_user_id);

CREATE TABLE application_scope (
    application_id BIGINT NOT NULL,
    permission_id BIGINT NOT NULL,
    CONSTRAINT pk_application_scope PRIMARY KEY (application_id, permission_id),
    CONSTRAINT fk_application_scope_application_id FOREIGN KEY(application_id) REFERENCES application (id),
    CONSTRAINT fk_application_scope_permission_id FOREIGN KEY(permission_id) REFERENCES permission (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_application_scope_permission_id ON application_scope (permission_id);

CREATE TABLE application_secret (
    id BIGINT NOT NULL AUTO_INCREMENT,
    application_id BIGINT NOT NULL,
    hash CHAR(64) NOT NULL,
    revoked_at DATETIME(3),
    last_used_at DATETIME(3),
    version INTEGER NOT NULL DEFAULT '1',
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    CONSTRAINT pk_application_secret PRIMARY KEY (id),
    CONSTRAINT fk_application_secret_application_id FOREIGN KEY(application_id) REFERENCES application (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_application_secret_application_id ON application_secret (application_id);

UPDATE alembic_version SET version_num='0006' WHERE alembic_version.version_num = '0005';

-- Running upgrade 0006 -> 0007

CREATE TABLE execution_unit (
    id BIGINT NOT NULL AUTO_INCREMENT,
    department_id BIGINT NOT NULL,
    name_id VARCHAR(100) NOT NULL,
    unit_type VARCHAR(100) NOT NULL,
    unit_name VARCHAR(255) NOT NULL,
    capacity INTEGER NOT NULL,
    endpoint VARCHAR(500),
    task_types MEDIUMTEXT NOT NULL,
    labels TEXT NOT NULL,
    boot_nonce VARCHAR(100),
    status VARCHAR(10) NOT NULL,
    taken_out SMALLINT NOT NULL,
    current_load INTEGER NOT NULL,
    details MEDIUMTEXT NOT NULL,
    last_beat_at DATETIME(3) NOT NULL,
    version INTEGER NOT NULL DEFAULT '1',
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    deleted_at DATETIME(3),
    CONSTRAINT pk_execution_unit PRIMARY KEY (id),
    CONSTRAINT uq_execution_unit_department_id UNIQUE (department_id, name_id),
    CONSTRAINT fk_execution_unit_department_id FOREIGN KEY(department_id) REFERENCES department (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_execution_unit_name_id ON execution_unit (name_id);

CREATE TABLE job (
    id BIGINT NOT NULL AUTO_INCREMENT,
    department_id BIGINT NOT NULL,
    name VARCHAR(255) NOT NULL,
    task_type VARCHAR(100) NOT NULL,
    queue VARCHAR(100) NOT NULL,
    config MEDIUMTEXT NOT NULL,
    config_bytes INTEGER NOT NULL,
    status VARCHAR(10) NOT NULL,
    priority SMALLINT NOT NULL,
    run_at DATETIME(3) NOT NULL,
    max_attempts INTEGER NOT NULL,
    backoff VARCHAR(255) NOT NULL,
    timeout_s INTEGER NOT NULL,
    expires_at DATETIME(3),
    deadline_at DATETIME(3),
    lapses_at DATETIME(3),
    labels TEXT NOT NULL,
    tags TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    error_count INTEGER NOT NULL,
    crash_count INTEGER NOT NULL,
    execution_unit_id VARCHAR(100),
    lease_token CHAR(32),
    outcome VARCHAR(20),
    progress MEDIUMTEXT,
    result MEDIUMTEXT,
    error_message VARCHAR(1000),
    created_by_user_id BIGINT,
    created_by_application_id BIGINT,
    version INTEGER NOT NULL DEFAULT '1',
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    started_at DATETIME(3),
    completed_at DATETIME(3),
    CONSTRAINT pk_job PRIMARY KEY (id),
    CONSTRAINT fk_job_department_id FOREIGN KEY(department_id) REFERENCES department (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_job_ready ON job (department_id, task_type, status, priority, run_at, id);

CREATE INDEX ix_job_status ON job (status, id);

CREATE INDEX ix_job_lapses ON job (status, lapses_at, id);

CREATE TABLE job_attempt (
    job_id BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    execution_unit_id VARCHAR(100) NOT NULL,
    lease_token CHAR(32) NOT NULL,
    outcome VARCHAR(20) NOT NULL,
    error MEDIUMTEXT,
    started_at DATETIME(3) NOT NULL,
    ended_at DATETIME(3) NOT NULL,
    CONSTRAINT pk_job_attempt PRIMARY KEY (job_id, attempt),
    CONSTRAINT fk_job_attempt_job_id FOREIGN KEY(job_id) REFERENCES job (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

UPDATE alembic_version SET version_num='0007' WHERE alembic_version.version_num = '0006';

-- Running upgrade 0007 -> 0008

CREATE TABLE job_intervention (
    job_id BIGINT NOT NULL,
    version INTEGER NOT NULL,
    action VARCHAR(20) NOT NULL,
    actor_kind VARCHAR(20) NOT NULL,
    actor_id BIGINT,
    actor_name VARCHAR(255),
    reason VARCHAR(500),
    details TEXT NOT NULL,
    at DATETIME(3) NOT NULL,
    CONSTRAINT pk_job_intervention PRIMARY KEY (job_id, version),
    CONSTRAINT fk_job_intervention_job_id FOREIGN KEY(job_id) REFERENCES job (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

UPDATE alembic_version SET version_num='0008' WHERE alembic_version.version_num = '0007';

-- Running upgrade 0008 -> 0009

CREATE TABLE queue (
    id BIGINT NOT NULL AUTO_INCREMENT,
    department_id BIGINT NOT NULL,
    name VARCHAR(100) NOT NULL,
    concurrency INTEGER,
    starts INTEGER,
    starts_per_ms INTEGER,
    paused_at DATETIME(3),
    paused_by TEXT,
    pause_reason VARCHAR(500),
    version INTEGER NOT NULL DEFAULT '1',
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    CONSTRAINT pk_queue PRIMARY KEY (id),
    CONSTRAINT uq_queue_department_id UNIQUE (department_id, name),
    CONSTRAINT fk_queue_department_id FOREIGN KEY(department_id) REFERENCES department (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_queue_name ON queue (name);

CREATE TABLE queue_start (
    queue_id BIGINT NOT NULL,
    at DATETIME(3) NOT NULL,
    jobs INTEGER NOT NULL,
    CONSTRAINT pk_queue_start PRIMARY KEY (queue_id, at)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE job_count (
    department_id BIGINT NOT NULL,
    queue VARCHAR(100) NOT NULL,
    task_type VARCHAR(100) NOT NULL,
    status VARCHAR(10) NOT NULL,
    writer SMALLINT NOT NULL,
    jobs BIGINT NOT NULL,
    CONSTRAINT pk_job_count PRIMARY KEY (department_id, queue, task_type, status, writer)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO job_count (department_id, queue, task_type, status, writer, jobs) SELECT department_id, queue, task_type, status, 0, COUNT(*) FROM job GROUP BY department_id, queue, task_type, status;

CREATE INDEX ix_job_ready_new ON job (department_id, queue, task_type, status, priority, run_at, id);

DROP INDEX ix_job_ready ON job;

ALTER TABLE job RENAME INDEX ix_job_ready_new TO ix_job_ready;

UPDATE alembic_version SET version_num='0009' WHERE alembic_version.version_num = '0008';

-- Running upgrade 0009 -> 0010

ALTER TABLE job ADD COLUMN unique_key VARCHAR(255);

ALTER TABLE job ADD COLUMN unique_until DATETIME(3);

ALTER TABLE job ADD COLUMN holds_key BOOL NOT NULL DEFAULT '0';

ALTER TABLE job ADD COLUMN at_most_once BOOL NOT NULL DEFAULT '0';

ALTER TABLE job ADD COLUMN kept_completed_s INTEGER;

ALTER TABLE job ADD COLUMN kept_failed_s INTEGER;

CREATE TABLE job_unique_key (
    digest CHAR(64) NOT NULL,
    job_id BIGINT NOT NULL,
    CONSTRAINT pk_job_unique_key PRIMARY KEY (digest),
    CONSTRAINT fk_job_unique_key_job_id FOREIGN KEY(job_id) REFERENCES job (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_job_unique_key_job_id ON job_unique_key (job_id);

UPDATE alembic_version SET version_num='0010' WHERE alembic_version.version_num = '0009';

-- Running upgrade 0010 -> 0011

CREATE TABLE job_step (
    job_id BIGINT NOT NULL,
    name VARCHAR(100) NOT NULL,
    attempt INTEGER NOT NULL,
    result MEDIUMTEXT NOT NULL,
    at DATETIME(3) NOT NULL,
    CONSTRAINT pk_job_step PRIMARY KEY (job_id, name),
    CONSTRAINT fk_job_step_job_id FOREIGN KEY(job_id) REFERENCES job (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE job_log (
    job_id BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    line INTEGER NOT NULL,
    level VARCHAR(10) NOT NULL,
    message TEXT NOT NULL,
    fields TEXT NOT NULL,
    at DATETIME(3) NOT NULL,
    CONSTRAINT pk_job_log PRIMARY KEY (job_id, attempt, line),
    CONSTRAINT fk_job_log_job_id FOREIGN KEY(job_id) REFERENCES job (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

UPDATE alembic_version SET version_num='0011' WHERE alembic_version.version_num = '0010';

-- Running upgrade 0011 -> 0012

ALTER TABLE job ADD COLUMN error_type VARCHAR(255);

ALTER TABLE job ADD COLUMN failure_group CHAR(16);

UPDATE alembic_version SET version_num='0012' WHERE alembic_version.version_num = '0011';
