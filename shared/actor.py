"""Who a command or a request is from, by id: a person or an application. They count apart, so a bare number is not
enough to tell them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class ApplicationId:
    """The id of an application, where a plain number is a person's. No rule that compares persons takes one for the
    other."""

    number: int

    def __str__(self) -> str:
        return f"application:{self.number}"


ActorId = int | ApplicationId
"""A person's id, or an application's."""


def actor_members(actor_id: ActorId | None) -> dict[str, Any]:
    """How an event names who did it: `actorId` is a person's, null for the system and for an application, which is
    named by `applicationId`."""
    if isinstance(actor_id, ApplicationId):
        return {"actorId": None, "applicationId": actor_id.number}
    return {"actorId": actor_id}
