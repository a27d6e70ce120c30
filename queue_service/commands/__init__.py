"""What each command does. One file for each aggregate; `KINDS` is the whole list."""

from types import MappingProxyType
from typing import Final

from queue_service.commands.tasks import CREATE_TASK, DELETE_TASK, UPDATE_TASK
from queue_service.commands.users import CREATE_USER

KINDS: Final = MappingProxyType({kind.name: kind for kind in (CREATE_TASK, UPDATE_TASK, DELETE_TASK, CREATE_USER)})
