-- Made from sql/versions by `python -m tools.schema`: do not edit it here.

CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

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
	CONSTRAINT "fk_task_table_assignedToUserId" FOREIGN KEY("assignedToUserId") REFERENCES user_table (id),
	CONSTRAINT "fk_task_table_createdByUserId" FOREIGN KEY("createdByUserId") REFERENCES user_table (id),
	CONSTRAINT fk_task_table_department_id FOREIGN KEY(department_id) REFERENCES department (id),
	CONSTRAINT pk_task_table PRIMARY KEY (id)
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
	CONSTRAINT fk_user_session_user_id FOREIGN KEY(user_id) REFERENCES user_table (id),
	CONSTRAINT pk_user_session PRIMARY KEY (id)
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

CREATE TABLE "department" (
	id INTEGER NOT NULL,
	name VARCHAR(255) NOT NULL,
	parent_id INTEGER,
	status SMALLINT DEFAULT '1' NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	description VARCHAR(500),
	path VARCHAR(255) NOT NULL,
	enabled SMALLINT DEFAULT '1' NOT NULL,
	deleted_at DATETIME,
	CONSTRAINT fk_department_parent_id FOREIGN KEY(parent_id) REFERENCES department (id),
	CONSTRAINT pk_department PRIMARY KEY (id)
);

CREATE INDEX ix_department_parent_id ON department (parent_id);

CREATE INDEX ix_department_path ON department (path);

CREATE TABLE role (
	id INTEGER NOT NULL,
	code VARCHAR(20),
	name VARCHAR(50) NOT NULL,
	live_name VARCHAR(50),
	description VARCHAR(255),
	status SMALLINT DEFAULT '1' NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	deleted_at DATETIME,
	CONSTRAINT pk_role PRIMARY KEY (id),
	CONSTRAINT uq_role_code UNIQUE (code),
	CONSTRAINT uq_role_live_name UNIQUE (live_name)
);

CREATE TABLE permission (
	id INTEGER NOT NULL,
	code VARCHAR(50) NOT NULL,
	name VARCHAR(50) NOT NULL,
	description VARCHAR(255),
	status SMALLINT DEFAULT '1' NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	CONSTRAINT pk_permission PRIMARY KEY (id),
	CONSTRAINT uq_permission_code UNIQUE (code)
);

CREATE TABLE role_permission (
	role_id INTEGER NOT NULL,
	permission_id INTEGER NOT NULL,
	CONSTRAINT fk_role_permission_permission_id FOREIGN KEY(permission_id) REFERENCES permission (id),
	CONSTRAINT fk_role_permission_role_id FOREIGN KEY(role_id) REFERENCES role (id),
	CONSTRAINT pk_role_permission PRIMARY KEY (role_id, permission_id)
);

CREATE INDEX ix_role_permission_permission_id ON role_permission (permission_id);

CREATE TABLE "user_table" (
	id INTEGER NOT NULL,
	email VARCHAR(255),
	password VARCHAR(255) NOT NULL,
	department_id INTEGER NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	"createdAt" DATETIME NOT NULL,
	"updatedAt" DATETIME NOT NULL,
	"deletedAt" DATETIME,
	session_epoch INTEGER DEFAULT '1' NOT NULL,
	username VARCHAR(255) NOT NULL,
	real_name VARCHAR(255) NOT NULL,
	phone VARCHAR(50),
	role_id INTEGER NOT NULL,
	status SMALLINT DEFAULT '1' NOT NULL,
	CONSTRAINT fk_user_table_department_id FOREIGN KEY(department_id) REFERENCES department (id),
	CONSTRAINT fk_user_table_role_id FOREIGN KEY(role_id) REFERENCES role (id),
	CONSTRAINT pk_user_table PRIMARY KEY (id),
	CONSTRAINT uq_user_table_email UNIQUE (email),
	CONSTRAINT uq_user_table_username UNIQUE (username)
);

CREATE INDEX ix_user_table_department_id ON user_table (department_id);

CREATE INDEX ix_user_table_role_id ON user_table (role_id);

CREATE TABLE audit_entry (
	id INTEGER NOT NULL,
	at DATETIME NOT NULL,
	actor_kind VARCHAR(20) NOT NULL,
	actor_id INTEGER,
	actor_name VARCHAR(255),
	action VARCHAR(50) NOT NULL,
	entity VARCHAR(30) NOT NULL,
	entity_id INTEGER NOT NULL,
	department_id INTEGER,
	"before" TEXT,
	"after" TEXT,
	reason VARCHAR(500),
	request_id VARCHAR(128) NOT NULL,
	node VARCHAR(255) NOT NULL,
	CONSTRAINT pk_audit_entry PRIMARY KEY (id)
);

CREATE INDEX ix_audit_entry_at ON audit_entry (at);

CREATE INDEX ix_audit_entry_actor_id ON audit_entry (actor_id, id);

CREATE INDEX ix_audit_entry_entity ON audit_entry (entity, entity_id, id);

CREATE INDEX ix_audit_entry_department_id ON audit_entry (department_id, id);

CREATE TABLE audit_seal (
	entry_id INTEGER NOT NULL,
	seal CHAR(64) NOT NULL,
	CONSTRAINT pk_audit_seal PRIMARY KEY (entry_id)
);

CREATE TABLE application (
	id INTEGER NOT NULL,
	name VARCHAR(100) NOT NULL,
	description VARCHAR(500),
	department_id INTEGER NOT NULL,
	status SMALLINT DEFAULT '1' NOT NULL,
	expires_at DATETIME,
	created_by_user_id INTEGER,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	deleted_at DATETIME,
	CONSTRAINT fk_application_created_by_user_id FOREIGN KEY(created_by_user_id) REFERENCES user_table (id),
	CONSTRAINT fk_application_department_id FOREIGN KEY(department_id) REFERENCES department (id),
	CONSTRAINT pk_application PRIMARY KEY (id)
);

CREATE INDEX ix_application_department_id ON application (department_id);

CREATE INDEX ix_application_created_by_user_id ON application (created_by_user_id);

CREATE TABLE application_scope (
	application_id INTEGER NOT NULL,
	permission_id INTEGER NOT NULL,
	CONSTRAINT fk_application_scope_application_id FOREIGN KEY(application_id) REFERENCES application (id),
	CONSTRAINT fk_application_scope_permission_id FOREIGN KEY(permission_id) REFERENCES permission (id),
	CONSTRAINT pk_application_scope PRIMARY KEY (application_id, permission_id)
);

CREATE INDEX ix_application_scope_permission_id ON application_scope (permission_id);

CREATE TABLE application_secret (
	id INTEGER NOT NULL,
	application_id INTEGER NOT NULL,
	hash CHAR(64) NOT NULL,
	revoked_at DATETIME,
	last_used_at DATETIME,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	CONSTRAINT fk_application_secret_application_id FOREIGN KEY(application_id) REFERENCES application (id),
	CONSTRAINT pk_application_secret PRIMARY KEY (id)
);

CREATE INDEX ix_application_secret_application_id ON application_secret (application_id);

CREATE TABLE execution_unit (
	id INTEGER NOT NULL,
	department_id INTEGER NOT NULL,
	name_id VARCHAR(100) NOT NULL,
	unit_type VARCHAR(100) NOT NULL,
	unit_name VARCHAR(255) NOT NULL,
	capacity INTEGER NOT NULL,
	endpoint VARCHAR(500),
	task_types TEXT NOT NULL,
	labels TEXT NOT NULL,
	boot_nonce VARCHAR(100),
	status VARCHAR(10) NOT NULL,
	taken_out SMALLINT NOT NULL,
	current_load INTEGER NOT NULL,
	details TEXT NOT NULL,
	last_beat_at DATETIME NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	deleted_at DATETIME,
	CONSTRAINT fk_execution_unit_department_id FOREIGN KEY(department_id) REFERENCES department (id),
	CONSTRAINT pk_execution_unit PRIMARY KEY (id),
	CONSTRAINT uq_execution_unit_department_id UNIQUE (department_id, name_id)
);

CREATE INDEX ix_execution_unit_name_id ON execution_unit (name_id);

CREATE TABLE job (
	id INTEGER NOT NULL,
	department_id INTEGER NOT NULL,
	name VARCHAR(255) NOT NULL,
	task_type VARCHAR(100) NOT NULL,
	queue VARCHAR(100) NOT NULL,
	config TEXT NOT NULL,
	config_bytes INTEGER NOT NULL,
	status VARCHAR(10) NOT NULL,
	priority SMALLINT NOT NULL,
	run_at DATETIME NOT NULL,
	max_attempts INTEGER NOT NULL,
	backoff VARCHAR(255) NOT NULL,
	timeout_s INTEGER NOT NULL,
	expires_at DATETIME,
	deadline_at DATETIME,
	lapses_at DATETIME,
	labels TEXT NOT NULL,
	tags TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	error_count INTEGER NOT NULL,
	crash_count INTEGER NOT NULL,
	execution_unit_id VARCHAR(100),
	lease_token CHAR(32),
	outcome VARCHAR(20),
	progress TEXT,
	result TEXT,
	error_message VARCHAR(1000),
	created_by_user_id INTEGER,
	created_by_application_id INTEGER,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	started_at DATETIME,
	completed_at DATETIME, unique_key VARCHAR(255), unique_until DATETIME, holds_key BOOLEAN DEFAULT '0' NOT NULL, at_most_once BOOLEAN DEFAULT '0' NOT NULL, kept_completed_s INTEGER, kept_failed_s INTEGER, error_type VARCHAR(255), failure_group CHAR(16),
	CONSTRAINT fk_job_department_id FOREIGN KEY(department_id) REFERENCES department (id),
	CONSTRAINT pk_job PRIMARY KEY (id)
);

CREATE INDEX ix_job_status ON job (status, id);

CREATE INDEX ix_job_lapses ON job (status, lapses_at, id);

CREATE TABLE job_attempt (
	job_id INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	execution_unit_id VARCHAR(100) NOT NULL,
	lease_token CHAR(32) NOT NULL,
	outcome VARCHAR(20) NOT NULL,
	error TEXT,
	started_at DATETIME NOT NULL,
	ended_at DATETIME NOT NULL,
	CONSTRAINT fk_job_attempt_job_id FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT pk_job_attempt PRIMARY KEY (job_id, attempt)
);

CREATE TABLE job_intervention (
	job_id INTEGER NOT NULL,
	version INTEGER NOT NULL,
	action VARCHAR(20) NOT NULL,
	actor_kind VARCHAR(20) NOT NULL,
	actor_id INTEGER,
	actor_name VARCHAR(255),
	reason VARCHAR(500),
	details TEXT NOT NULL,
	at DATETIME NOT NULL,
	CONSTRAINT fk_job_intervention_job_id FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT pk_job_intervention PRIMARY KEY (job_id, version)
);

CREATE TABLE queue (
	id INTEGER NOT NULL,
	department_id INTEGER NOT NULL,
	name VARCHAR(100) NOT NULL,
	concurrency INTEGER,
	starts INTEGER,
	starts_per_ms INTEGER,
	paused_at DATETIME,
	paused_by TEXT,
	pause_reason VARCHAR(500),
	version INTEGER DEFAULT '1' NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	CONSTRAINT fk_queue_department_id FOREIGN KEY(department_id) REFERENCES department (id),
	CONSTRAINT pk_queue PRIMARY KEY (id),
	CONSTRAINT uq_queue_department_id UNIQUE (department_id, name)
);

CREATE INDEX ix_queue_name ON queue (name);

CREATE TABLE queue_start (
	queue_id INTEGER NOT NULL,
	at DATETIME NOT NULL,
	jobs INTEGER NOT NULL,
	CONSTRAINT pk_queue_start PRIMARY KEY (queue_id, at)
);

CREATE TABLE job_count (
	department_id INTEGER NOT NULL,
	queue VARCHAR(100) NOT NULL,
	task_type VARCHAR(100) NOT NULL,
	status VARCHAR(10) NOT NULL,
	writer SMALLINT NOT NULL,
	jobs INTEGER NOT NULL,
	CONSTRAINT pk_job_count PRIMARY KEY (department_id, queue, task_type, status, writer)
);

CREATE INDEX ix_job_ready ON job (department_id, queue, task_type, status, priority, run_at, id);

CREATE TABLE job_unique_key (
	digest CHAR(64) NOT NULL,
	job_id INTEGER NOT NULL,
	CONSTRAINT fk_job_unique_key_job_id FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT pk_job_unique_key PRIMARY KEY (digest)
);

CREATE INDEX ix_job_unique_key_job_id ON job_unique_key (job_id);

CREATE TABLE job_step (
	job_id INTEGER NOT NULL,
	name VARCHAR(100) NOT NULL,
	attempt INTEGER NOT NULL,
	result TEXT NOT NULL,
	at DATETIME NOT NULL,
	CONSTRAINT fk_job_step_job_id FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT pk_job_step PRIMARY KEY (job_id, name)
);

CREATE TABLE job_log (
	job_id INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	line INTEGER NOT NULL,
	level VARCHAR(10) NOT NULL,
	message TEXT NOT NULL,
	fields TEXT NOT NULL,
	at DATETIME NOT NULL,
	CONSTRAINT fk_job_log_job_id FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT pk_job_log PRIMARY KEY (job_id, attempt, line)
);
