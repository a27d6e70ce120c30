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
