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
	"deletedAt" DATETIME,
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
