-- Made from sql/versions by `python -m tools.schema`: do not edit it here.

CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE department (
	id INTEGER NOT NULL,
	name VARCHAR(100) NOT NULL,
	parent_id INTEGER,
	status SMALLINT DEFAULT '1' NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	CONSTRAINT pk_department PRIMARY KEY (id),
	CONSTRAINT fk_department_parent_id FOREIGN KEY(parent_id) REFERENCES department (id)
);

CREATE TABLE user_table (
	id INTEGER NOT NULL,
	email VARCHAR(255) NOT NULL,
	password VARCHAR(255) NOT NULL,
	role VARCHAR(20) DEFAULT 'employee' NOT NULL,
	department_id INTEGER NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	"createdAt" DATETIME NOT NULL,
	"updatedAt" DATETIME NOT NULL,
	"deletedAt" DATETIME, session_epoch INTEGER DEFAULT '1' NOT NULL,
	CONSTRAINT pk_user_table PRIMARY KEY (id),
	CONSTRAINT uq_user_table_email UNIQUE (email),
	CONSTRAINT fk_user_table_department_id FOREIGN KEY(department_id) REFERENCES department (id)
);

CREATE INDEX ix_user_table_department_id ON user_table (department_id);

CREATE TABLE task_table (
	id INTEGER NOT NULL,
	title VARCHAR(255) NOT NULL,
	category VARCHAR(50),
	tag VARCHAR(50),
	description TEXT,
	status VARCHAR(20) DEFAULT 'todo' NOT NULL,
	"createdByUserId" INTEGER NOT NULL,
	"assignedToUserId" INTEGER,
	department_id INTEGER NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	"createdAt" DATETIME NOT NULL,
	"updatedAt" DATETIME NOT NULL,
	"deletedAt" DATETIME,
	CONSTRAINT pk_task_table PRIMARY KEY (id),
	CONSTRAINT "fk_task_table_createdByUserId" FOREIGN KEY("createdByUserId") REFERENCES user_table (id),
	CONSTRAINT "fk_task_table_assignedToUserId" FOREIGN KEY("assignedToUserId") REFERENCES user_table (id),
	CONSTRAINT fk_task_table_department_id FOREIGN KEY(department_id) REFERENCES department (id)
);

CREATE INDEX "ix_task_table_createdByUserId" ON task_table ("createdByUserId", id);

CREATE INDEX "ix_task_table_assignedToUserId" ON task_table ("assignedToUserId", id);

CREATE INDEX ix_task_table_department_id ON task_table (department_id, id);

CREATE TABLE stored_answer (
	operation_id CHAR(64) NOT NULL,
	fingerprint CHAR(64) NOT NULL,
	status SMALLINT NOT NULL,
	body TEXT NOT NULL,
	created_at DATETIME NOT NULL,
	CONSTRAINT pk_stored_answer PRIMARY KEY (operation_id)
);

CREATE INDEX ix_stored_answer_created_at ON stored_answer (created_at);

CREATE TABLE outbox_event (
	epoch INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	body TEXT NOT NULL,
	CONSTRAINT pk_outbox_event PRIMARY KEY (epoch, seq)
);

CREATE TABLE leader (
	id SMALLINT NOT NULL,
	epoch INTEGER NOT NULL,
	holder VARCHAR(255) NOT NULL,
	address VARCHAR(255) NOT NULL,
	taken_at DATETIME NOT NULL,
	CONSTRAINT pk_leader PRIMARY KEY (id)
);

CREATE TABLE leader_beat (
	id SMALLINT NOT NULL,
	epoch INTEGER NOT NULL,
	beat_at DATETIME NOT NULL,
	CONSTRAINT pk_leader_beat PRIMARY KEY (id)
);

CREATE TABLE leader_session (
	connection_id INTEGER NOT NULL,
	host VARCHAR(255) NOT NULL,
	epoch INTEGER NOT NULL,
	CONSTRAINT pk_leader_session PRIMARY KEY (connection_id)
);

CREATE INDEX ix_user_table_role ON user_table (role);

CREATE TABLE user_session (
	id INTEGER NOT NULL,
	user_id INTEGER NOT NULL,
	user_epoch INTEGER NOT NULL,
	family_hash CHAR(64) NOT NULL,
	current_hash CHAR(64) NOT NULL,
	rotated_at DATETIME,
	expires_at DATETIME NOT NULL,
	ended_at DATETIME,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	CONSTRAINT pk_user_session PRIMARY KEY (id),
	CONSTRAINT fk_user_session_user_id FOREIGN KEY(user_id) REFERENCES user_table (id)
);

CREATE INDEX ix_user_session_user_id ON user_session (user_id);

CREATE INDEX ix_user_session_expires_at ON user_session (expires_at);

CREATE TABLE sign_in_throttle (
	id INTEGER NOT NULL,
	subject CHAR(64) NOT NULL,
	failures INTEGER NOT NULL,
	blocked_until DATETIME,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	CONSTRAINT pk_sign_in_throttle PRIMARY KEY (id),
	CONSTRAINT uq_sign_in_throttle_subject UNIQUE (subject)
);

CREATE INDEX ix_sign_in_throttle_updated_at ON sign_in_throttle (updated_at);

CREATE TABLE stored_command (
	operation_id CHAR(64) NOT NULL,
	public_id CHAR(32) NOT NULL,
	actor_id INTEGER NOT NULL,
	fingerprint CHAR(64) NOT NULL,
	request TEXT NOT NULL,
	created_at DATETIME NOT NULL,
	ended_at DATETIME,
	CONSTRAINT pk_stored_command PRIMARY KEY (operation_id),
	CONSTRAINT uq_stored_command_public_id UNIQUE (public_id)
);

CREATE INDEX ix_stored_command_ended_at ON stored_command (ended_at);
