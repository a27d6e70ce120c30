"""What each command does. One file for each aggregate; `KINDS` is the whole list."""

from types import MappingProxyType
from typing import Final

from queue_service.commands.application_secrets import ADD_SECRET, NOTE_SECRET_USES, REVOKE_SECRET
from queue_service.commands.applications import CREATE_APPLICATION, DELETE_APPLICATION, UPDATE_APPLICATION
from queue_service.commands.departments import CREATE_DEPARTMENT, DELETE_DEPARTMENT, UPDATE_DEPARTMENT
from queue_service.commands.jobs import SUBMIT_JOB, SUBMIT_JOBS
from queue_service.commands.leases import LEASE_JOBS, REPORT_JOBS, SETTLE_UNITS
from queue_service.commands.operations import OPERATE_JOB, SET_JOB_STATUS
from queue_service.commands.queues import LIMIT_QUEUE, PAUSE_QUEUE, RESUME_QUEUE
from queue_service.commands.registration import ENSURE_ADMINISTRATOR, REGISTER_USER
from queue_service.commands.roles import CREATE_ROLE, DELETE_ROLE, UPDATE_PERMISSION, UPDATE_ROLE
from queue_service.commands.sessions import END_SESSION, REFRESH_SESSION
from queue_service.commands.sign_in import NOTE_FAILED_SIGN_IN, OPEN_SESSION
from queue_service.commands.tasks import CREATE_TASK, DELETE_TASK, UPDATE_TASK
from queue_service.commands.tickets import REDEEM_TICKET
from queue_service.commands.units import CHANGE_UNIT, REGISTER_UNIT
from queue_service.commands.users import CREATE_USER, DELETE_USER, UPDATE_USER

KINDS: Final = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            CREATE_TASK,
            UPDATE_TASK,
            DELETE_TASK,
            REGISTER_USER,
            ENSURE_ADMINISTRATOR,
            CREATE_USER,
            UPDATE_USER,
            DELETE_USER,
            CREATE_DEPARTMENT,
            UPDATE_DEPARTMENT,
            DELETE_DEPARTMENT,
            CREATE_ROLE,
            UPDATE_ROLE,
            DELETE_ROLE,
            UPDATE_PERMISSION,
            CREATE_APPLICATION,
            UPDATE_APPLICATION,
            DELETE_APPLICATION,
            ADD_SECRET,
            REVOKE_SECRET,
            NOTE_SECRET_USES,
            OPEN_SESSION,
            NOTE_FAILED_SIGN_IN,
            REFRESH_SESSION,
            END_SESSION,
            REDEEM_TICKET,
            SUBMIT_JOB,
            SUBMIT_JOBS,
            REGISTER_UNIT,
            CHANGE_UNIT,
            LEASE_JOBS,
            REPORT_JOBS,
            SETTLE_UNITS,
            OPERATE_JOB,
            SET_JOB_STATUS,
            LIMIT_QUEUE,
            PAUSE_QUEUE,
            RESUME_QUEUE,
        )
    }
)
