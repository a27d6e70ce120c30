"""What each command does. One file for each aggregate; `KINDS` is the whole list."""

from types import MappingProxyType
from typing import Final

from queue_service.commands.sessions import END_SESSION, REFRESH_SESSION
from queue_service.commands.sign_in import NOTE_FAILED_SIGN_IN, OPEN_SESSION
from queue_service.commands.tasks import CREATE_TASK, DELETE_TASK, UPDATE_TASK
from queue_service.commands.tickets import REDEEM_TICKET
from queue_service.commands.users import CREATE_USER, UPDATE_USER

KINDS: Final = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            CREATE_TASK,
            UPDATE_TASK,
            DELETE_TASK,
            CREATE_USER,
            UPDATE_USER,
            OPEN_SESSION,
            NOTE_FAILED_SIGN_IN,
            REFRESH_SESSION,
            END_SESSION,
            REDEEM_TICKET,
        )
    }
)
