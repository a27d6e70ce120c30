"""Every error an API answers with. One tree; each class says when it is raised and what the caller should do.

    ConsoleError
    ├── MalformedRequest      400  the bytes are not what the route reads: fix the request
    ├── Unauthenticated       401  no token, or one that is not valid: log in
    ├── Forbidden             403  known, but not allowed: ask an administrator
    │   └── PeopleOnly        403  an application's key, where a person has to act: sign in
    ├── NotFound              404  it does not exist, or the caller may not see it
    ├── MethodNotAllowed      405  the path exists, the method does not
    ├── RequestTimeout        408  the body did not arrive in time: send it again
    ├── Conflict              409  a rule about the current state refused it
    │   └── VersionConflict   409  somebody changed it first: read `current`, decide, send again
    ├── PreconditionFailed    412  the `If-Match` header names an old version: as above
    ├── PayloadTooLarge       413  over the limit: send less
    ├── UnsupportedMediaType  415  send `Content-Type: application/json`
    ├── UpgradeRequired       426  the path takes a WebSocket and nothing else: open one
    ├── HeadTooLarge          431  the request line and headers are over the limit: send less
    ├── Invalid               422  a field is wrong: `errors` names it
    │   └── IdempotencyMismatch 422  the key was used for another request: use a new key
    ├── TooManyAttempts       429  tried too often, or failed too often: wait `retry_after_s`
    ├── TooManyConnections    429  this person has all the live connections they may: close one
    ├── Internal              500  our fault: report the request id
    └── Unavailable           503  passing trouble: send again after `retry_after_s`, with the same idempotency key
        ├── QueueFull             the writer holds all it may: back off
        ├── ShuttingDown          this process is going away
        ├── DatabaseUnavailable   the database failed every replay; nothing was applied
        ├── QueueUnreachable      no node could reach the queue service; nothing was applied
        └── OutcomeUnknown        the write may or may not have happened: only the same key can tell

`code` is stable and part of the API. The mapping to each door's envelope is in `shared.envelopes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Outcome = Literal["not_applied", "applied", "unknown"]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong member of a request: its path (`updates.title`) and what is wrong with it."""

    field: str
    message: str


class ConsoleError(Exception):
    """Base of the tree. `extra` is merged into the answer (for example `current` of a conflict)."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    outcome: Outcome = "not_applied"

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail or self.code)
        self.detail = detail
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        self.retry_after_s = retry_after_s


class MalformedRequest(ConsoleError):
    code, status = "malformed_request", 400


class Unauthenticated(ConsoleError):
    code, status = "unauthenticated", 401


class BadCredentials(Unauthenticated):
    """Raised by login for an unknown account and for a wrong password alike."""

    code = "bad_credentials"


class TokenSuperseded(Unauthenticated):
    """A refresh token was rotated a moment ago, by another tab perhaps: use the newest one."""

    code = "token_superseded"


class TokenReused(Unauthenticated):
    """A refresh token came back long after it was rotated: it may be stolen, so the sign-in it belongs to has ended."""

    code = "token_reused"


class Forbidden(ConsoleError):
    code, status = "forbidden", 403


class RegistrationClosed(Forbidden):
    code = "registration_closed"


class PeopleOnly(Forbidden):
    """Raised for an application's key on what concerns a person's own account or sign-in, or needs one to answer for
    it."""

    code = "people_only"


class NotFound(ConsoleError):
    code, status = "not_found", 404


class MethodNotAllowed(ConsoleError):
    code, status = "method_not_allowed", 405


class RequestTimeout(ConsoleError):
    code, status, retryable = "request_timeout", 408, True


class Conflict(ConsoleError):
    code, status = "conflict", 409


class EmailTaken(Conflict):
    code = "email_taken"


class UsernameTaken(Conflict):
    code = "username_taken"


class RoleNameTaken(Conflict):
    code = "role_name_taken"


class InUse(Conflict):
    """Raised for what others need; `usedBy` counts them by kind."""

    code = "in_use"


class BuiltIn(Conflict):
    """Raised for a change of what the program itself relies on."""

    code = "built_in"


class LastAdministrator(Conflict):
    code = "last_administrator"


class TooManySecrets(Conflict):
    """Raised for a third live secret of an application."""

    code = "too_many_secrets"


class StaleAttempt(Conflict):
    """Raised for a report of an attempt that no longer runs: its lease was lost, or it has ended otherwise."""

    code = "stale_attempt"


class MayHaveStarted(Conflict):
    """Raised for the return of a job that may run at most once, by a unit that does not say that it never began it."""

    code = "may_have_started"


class UniqueConflict(Conflict):
    """Raised for a job whose unique key another one has: `current` is that one, as far as the actor may see it."""

    code = "unique_conflict"


class WrongState(Conflict):
    """Raised for what the state of a job does not allow: `current` is the job, `possible` what it does allow."""

    code = "wrong_state"


class VersionConflict(Conflict):
    code = "version_conflict"


class PreconditionFailed(ConsoleError):
    code, status = "precondition_failed", 412


class PayloadTooLarge(ConsoleError):
    code, status = "payload_too_large", 413


class UnsupportedMediaType(ConsoleError):
    code, status = "unsupported_media_type", 415


class UpgradeRequired(ConsoleError):
    code, status = "upgrade_required", 426


class HeadTooLarge(ConsoleError):
    code, status = "head_too_large", 431


class Invalid(ConsoleError):
    code, status = "validation_failed", 422


class IdempotencyMismatch(Invalid):
    code = "idempotency_mismatch"


class TooManyAttempts(ConsoleError):
    code, status, retryable = "too_many_attempts", 429, True


class TooManyConnections(ConsoleError):
    code, status, retryable = "too_many_connections", 429, True


class Internal(ConsoleError):
    code, status = "internal", 500


class Unavailable(ConsoleError):
    code, status, retryable = "unavailable", 503, True

    def __init__(self, detail: str | None = None, *, retry_after_s: int | None = 1, **rest: Any) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, **rest)


class QueueFull(Unavailable):
    code = "queue_full"


class ShuttingDown(Unavailable):
    code = "shutting_down"


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"


class QueueUnreachable(Unavailable):
    code = "queue_unreachable"


class OutcomeUnknown(Unavailable):
    code, outcome = "outcome_unknown", "unknown"


def every_error(root: type[ConsoleError] = ConsoleError) -> dict[str, type[ConsoleError]]:
    """Every class of the tree below `root` by its code."""
    found: dict[str, type[ConsoleError]] = {}
    for child in root.__subclasses__():
        found[child.code] = child
        found |= every_error(child)
    return found
