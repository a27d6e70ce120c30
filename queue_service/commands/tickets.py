"""redeem-ticket: a ticket of the live events lets somebody in once, through whichever node.

Nothing but its stored answer is written, and that is the point. The ticket's id is the idempotency key, and every
connection brings a fingerprint of its own: the first one is applied, any other one is refused as a mismatch.
"""

from datetime import datetime
from typing import Final

from queue_service.domain.command import Answer, Command, CommandKind, Decision, Needs
from queue_service.domain.workingset import WorkingSet
from shared.commands import NoData
from shared.permissions import Permission


def _redeem(data: NoData, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Applied by being stored."""
    return Decision(Answer(200, {}), [])


REDEEM_TICKET: Final = CommandKind(
    name="redeem-ticket",
    lane="access",
    permission=Permission.BOARD_VIEW,
    data=NoData,
    needs=lambda data: Needs(),
    decide=_redeem,
)
