"""Every kind of row with a version that commands change."""

from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import case, literal_column

from queue_service.domain.jobs import SMALL
from queue_service.domain.workingset import Entity
from queue_service.store.versioned import VersionedTable
from shared.applications import Application, ApplicationSecret
from shared.db.applications import SCOPES
from shared.db.grants import granted_ids, ids_of
from shared.db.tables import (
    application,
    application_secret,
    department,
    execution_unit,
    job,
    permission,
    queue,
    role,
    role_permission,
    sign_in_throttle,
    task_table,
    user_session,
    user_table,
)
from shared.jobs import Job
from shared.model import Task, Throttle, User, UserSession
from shared.organisation import Department, PermissionRow, Role
from shared.queues import Queue
from shared.units import ExecutionUnit

DEPARTMENTS: Final = VersionedTable(department, Department)
PERMISSIONS: Final = VersionedTable(permission, PermissionRow)
ROLES: Final = VersionedTable(
    role,
    Role,
    [
        (granted_ids(role_permission.c.role_id), ids_of),
        (granted_ids(role_permission.c.role_id, only_enabled=True), ids_of),
    ],
)
USERS: Final = VersionedTable(user_table, User)
APPLICATIONS: Final = VersionedTable(application, Application, [(scopes, ids_of) for scopes in SCOPES])
SECRETS: Final = VersionedTable(application_secret, ApplicationSecret)
TASKS: Final = VersionedTable(task_table, Task)
JOBS: Final = VersionedTable(job, Job, apart=("config", "config_bytes", "labels", "tags", "progress"))
BRIEF_JOBS: Final = VersionedTable(job, Job, instead={"config": literal_column("''")})
"""Without what may be large and is of use to a unit alone."""

SMALL_JOBS: Final = VersionedTable(
    job,
    Job,
    instead={
        "config": case((job.c.config_bytes <= literal_column(str(SMALL)), job.c.config), else_=literal_column("''"))
    },
)
"""With their configs where those are small."""

QUEUES: Final = VersionedTable(queue, Queue)
UNITS: Final = VersionedTable(execution_unit, ExecutionUnit)
SESSIONS: Final = VersionedTable(user_session, UserSession)
THROTTLES: Final = VersionedTable(sign_in_throttle, Throttle)

ALL: Final = MappingProxyType[type[Entity], VersionedTable[Any]](
    {
        table.entity: table
        for table in (
            *(DEPARTMENTS, PERMISSIONS, ROLES, USERS, APPLICATIONS, SECRETS, TASKS, SESSIONS, THROTTLES),
            *(UNITS, QUEUES, JOBS),
        )
    }
)
"""By what they hold, in the order in which new rows are written: what is pointed at comes first."""
