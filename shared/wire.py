"""The internal door between nodes and the queue service: what a forward carries and what comes back.

`POST /api/queue/job` takes one CommandRequest and answers in the `/api` envelope. `POST /api/queue/jobs` takes
`{"jobs": [...]}` and streams one line of JSON for each as it resolves, in any order:
`{"index", "status", "data", "replayed"}` or `{"index", "status", "error": {...}}`.
"""

import hashlib
from typing import Annotated, Any, Final, Self

from pydantic import StringConstraints, model_validator

from shared.actor import ActorId, ApplicationId
from shared.commands import CommandData, Digest, RowId, Version
from shared.errors import ConsoleError, FieldError, Internal, every_error

MAX_JOBS_A_FORWARD: Final = 500

REQUEST_ID: Final = r"^[A-Za-z0-9._:/+=-]{0,128}$"
MAX_REASON: Final = 500
REASON: Final = rf"^[^\x00-\x1f\x7f]{{1,{MAX_REASON}}}$"
NODE_HEADER: Final = "X-Console-Node"
"""Which node a forward comes from, for the audit log."""
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]


class Actor(CommandData):
    """On whose behalf: a signed-in person, an application, or a stranger on one of the open routes. (No actor at all:
    the system.)"""

    userId: RowId | None = None
    applicationId: RowId | None = None
    anonymous: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _is_exactly_one(self) -> Self:
        if sum(one is not None for one in (self.userId, self.applicationId, self.anonymous)) != 1:
            raise ValueError("names one of userId, applicationId and anonymous")
        return self

    @classmethod
    def of(cls, actor_id: ActorId) -> Self:
        """Somebody who is known."""
        if isinstance(actor_id, ApplicationId):
            return cls(applicationId=actor_id.number)
        return cls(userId=actor_id)

    @property
    def id(self) -> ActorId | None:
        """Who it is; None for a stranger."""
        return self.userId if self.applicationId is None else ApplicationId(self.applicationId)


class CommandRequest(CommandData):
    """One command as it is sent. `fingerprint` is the node's digest of the client's request; without it the queue
    service takes one of type, data and version. `deferred`: answer 202 once it is stored (a person's command only).
    `reason`: what the client said for it, for the audit log."""

    type: Annotated[str, StringConstraints(max_length=50)]
    data: dict[str, Any]
    actor: Actor | None = None
    idempotencyKey: IdempotencyKey | None = None
    expectedVersion: Version | None = None
    fingerprint: Digest | None = None
    requestId: Annotated[str, StringConstraints(pattern=REQUEST_ID)] = ""
    deferred: bool = False
    ifMatch: bool = False
    reason: Annotated[str, StringConstraints(pattern=REASON)] | None = None


class DeferredRequest(CommandData):
    """A deferred command as it is stored. The idempotency key is not: its operation id suffices. `ifMatch`: the version
    came in that header, so a stale one is told as a failed precondition."""

    type: str
    data: dict[str, Any]
    expectedVersion: Version | None = None
    requestId: str = ""
    ifMatch: bool = False
    reason: str | None = None
    node: str = ""


def scope_of(actor: Actor | None) -> str:
    """The namespace of idempotency keys: two people, two applications, or two open routes, never share one."""
    if actor is None:
        return "system"
    if actor.anonymous is not None:
        return f"anonymous:{actor.anonymous}"
    return str(actor.id) if isinstance(actor.id, ApplicationId) else f"user:{actor.id}"


def operation_id(actor: Actor | None, key: str) -> str:
    """What makes a command happen once: SHA-256 in hex of its scope and key."""
    return hashlib.sha256(f"{scope_of(actor)}\n{key}".encode()).hexdigest()


def error_to_wire(error: ConsoleError) -> dict[str, Any]:
    """An error as the stream carries it; the node words it in the client's language and door."""
    return {
        "code": error.code,
        "detail": error.detail,
        "errors": [{"field": e.field, "message": e.message} for e in error.errors],
        "extra": error.extra,
        "retryAfterS": error.retry_after_s,
        "outcome": error.outcome,
    }


def error_from_wire(wire: dict[str, Any]) -> ConsoleError:
    """The error again. A code this version does not know becomes Internal."""
    kind = every_error().get(wire["code"], Internal)
    error = kind(
        wire.get("detail"),
        errors=[FieldError(e["field"], e["message"]) for e in wire.get("errors", ())],
        extra=wire.get("extra"),
        retry_after_s=wire.get("retryAfterS"),
    )
    error.outcome = wire.get("outcome", error.outcome)
    return error
