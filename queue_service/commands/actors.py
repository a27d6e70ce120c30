"""Where what somebody makes belongs."""

from queue_service.domain.command import Command
from queue_service.domain.workingset import WorkingSet
from shared.organisation import HEAD_OFFICE_ID


def department_of(command: Command, working: WorkingSet) -> int:
    """The department of whoever acts; the head office for the system itself."""
    actor = working.principal(command.actor_id)
    return HEAD_OFFICE_ID if actor is None else actor.who.department_id
