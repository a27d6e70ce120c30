"""Word that somebody's rights may have changed, as it goes over Redis from the queue service to every node.

Nodes hear of it by the event stream anyhow, and believe nothing for longer than 3 s; this only reaches them sooner
while their stream is broken (docs/adr/0020). Lost, forged or late, it changes latency alone: hearing it makes a node
forget, so that it asks the database again.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from shared.actor import ActorId, ApplicationId

CHANNEL: Final = "console:rights"

Concerned = ActorId | Literal["everybody"]
"""A person's id, an application's, or everybody there is."""

_LONGEST_ID: Final = 16
_OF_EVERYBODY: Final = ("department", "role", "permission")


def concerned(event: Mapping[str, Any]) -> Concerned | None:
    """Whose rights a committed change may have changed; None for a change that touches no rights."""
    entity = event.get("entity")
    if entity in _OF_EVERYBODY:
        return "everybody"
    if entity == "application":
        return ApplicationId(event["id"])
    person: int | None = {"user": event.get("id"), "session": event.get("userId")}.get(str(entity))
    return person


def to_message(who: Concerned) -> bytes:
    """What is published."""
    return str(who).encode()


def from_message(message: bytes) -> Concerned:
    """What was heard. Anything we do not know concerns everybody: to ask again is never wrong."""
    kind, _, number = message.rpartition(b":")
    # no id is longer; of a number of thousands of digits Python makes no int
    if not number.isdigit() or len(number) > _LONGEST_ID or kind not in (b"", b"application"):
        return "everybody"
    return ApplicationId(int(number)) if kind else int(number)
