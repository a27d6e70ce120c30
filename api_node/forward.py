"""From a checked request to a command, its idempotency key and fingerprint, and back to an HTTP answer."""

import hashlib
import hmac
import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from api_node.node import Node
from api_node.prefer import RESPOND_ASYNC, prefers_async
from api_node.queries import operations
from api_node.reads import answering_database_errors
from api_node.unanswered import Outcome
from shared.actor import ApplicationId
from shared.errors import FieldError, IdempotencyMismatch, Invalid, PreconditionFailed, VersionConflict
from shared.ids import fresh_id
from shared.principal import Principal
from shared.wire import MAX_REASON, REASON, Actor, operation_id

_KEY: Final = re.compile(r"^[\x21-\x7e]{1,255}$")
_ETAG: Final = re.compile(r'^"v([1-9][0-9]{0,9})"$')
_REASON: Final = re.compile(REASON)
_MAX_VERSION: Final = 2**31 - 1


async def forward(
    request: Request,
    command_type: str,
    data: dict[str, Any],
    *,
    actor: Principal | None,
    raw: bytes = b"",
    expected_version: int | None = None,
    takes_key: bool = True,
    may_be_deferred: bool = False,
    part: int | None = None,
    because: str | None = None,
) -> Outcome:
    """Send a command on behalf of `actor` (None: a stranger on this open route) and wait for its outcome.

    `raw` is the client's body, for the fingerprint. Raises the refusal; a version conflict on an `If-Match` header
    becomes PreconditionFailed; Invalid when header and `expected_version` name two versions. `takes_key` False leaves
    the client's `Idempotency-Key` aside, for a command that the request is not about. `may_be_deferred`: a client that
    prefers it (`Prefer: respond-async`), and is a person, is answered once the command is stored. `part`: which of
    several commands this is that the request becomes; each has a key of its own, made of the client's. `because`: what
    the body says for it, which goes before `X-Reason`.
    """
    node = Node.of(request)
    from_header = if_match_version(request)
    if from_header is not None and expected_version not in (None, from_header):
        raise Invalid(errors=[FieldError("version", "is not the one that If-Match names")])
    command = {
        "type": command_type,
        "data": data,
        "actor": _on_behalf_of(request, actor).model_dump(exclude_none=True),
        # a key of our own where the client sent none, so that our own resending can never apply twice
        "idempotencyKey": (_key(request, part) if takes_key else None) or fresh_id(),
        "expectedVersion": from_header if from_header is not None else expected_version,
        "fingerprint": _fingerprint(request, raw, node.settings.queue_secret),
        "requestId": request.state.request_id,
    }
    if (why := because or reason(request)) is not None:
        command["reason"] = why
    # an operation is asked about by the person who sent it: a program's write is answered once it is applied
    if may_be_deferred and prefers_async(request) and not (actor and isinstance(actor.id, ApplicationId)):
        command |= {"deferred": True, "ifMatch": from_header is not None}
    try:
        return await node.queue.submit(command)
    except VersionConflict as conflict:
        if from_header is None:
            raise
        raise PreconditionFailed(extra=conflict.extra) from None


async def require_fitting_key(request: Request, *, actor: Principal | None, raw: bytes) -> None:
    """Raise IdempotencyMismatch when the client's key was used for another request; DatabaseUnavailable.

    A look before the work of an argon2 run: such a refusal counts against nobody. The queue service has the last word.
    """
    key = idempotency_key(request)
    if key is None:
        return
    node = Node.of(request)
    async with answering_database_errors():
        stored = await operations.fingerprint(node.engine, operation_id(_on_behalf_of(request, actor), key))
    if stored not in (None, _fingerprint(request, raw, node.settings.queue_secret)):
        raise IdempotencyMismatch


def idempotency_key(request: Request) -> str | None:
    """The client's `Idempotency-Key`, bare or as a quoted string (IETF draft). Raises Invalid for a malformed one."""
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    key = given[1:-1] if len(given) > 1 and given[0] == given[-1] == '"' else given
    if not _KEY.match(key):
        raise Invalid(errors=[FieldError("Idempotency-Key", "must be 1 to 255 visible ASCII characters")])
    return key


def reason(request: Request) -> str | None:
    """What `X-Reason` says, for the audit log: UTF-8, percent-encoded where a client cannot send it as it is. Raises
    Invalid for one that is too long or has control characters."""
    given = request.headers.get("x-reason")
    if given is None or not given.strip():
        return None
    try:
        said = unquote_to_bytes(given.encode("latin-1").strip()).decode()
    except UnicodeDecodeError:
        raise Invalid(errors=[FieldError("X-Reason", "must be UTF-8")]) from None
    if not _REASON.fullmatch(said):
        raise Invalid(errors=[FieldError("X-Reason", f"takes at most {MAX_REASON} characters, none of control")])
    return said


def if_match_version(request: Request) -> int | None:
    """The version an `If-Match` header names; None without one, or for `*`. Raises PreconditionFailed for a tag that
    can be no version of ours."""
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    match = _ETAG.match(given.strip())
    if match is None or int(match[1]) > _MAX_VERSION:
        raise PreconditionFailed('If-Match takes one strong tag such as "v3"')
    return int(match[1])


def is_unchanged(request: Request, version: int) -> bool:
    """Whether an `If-None-Match` header names this version; compared weakly, as RFC 9110, 13.1.2 says."""
    given = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return "*" in given or f'"v{version}"' in given


def etag(version: int) -> dict[str, str]:
    """The header that names the version of what is sent."""
    return {"ETag": f'"v{version}"'}


def written(outcome: Outcome) -> dict[str, str]:
    """The headers of a write's answer."""
    headers = {"Idempotency-Replayed": "true"} if outcome.is_replayed else {}
    if outcome.status == 202:
        where = f"/api/operations/{outcome.data['operationId']}"
        return headers | {"Preference-Applied": RESPOND_ASYNC, "Location": where}
    version = outcome.data.get("version")
    return headers | (etag(version) if version else {})


def _key(request: Request, part: int | None) -> str | None:
    key = idempotency_key(request)
    if key is None or part is None:
        return key
    # a key may be as long as any may: there is no room behind it
    of_part = f"{key}/{part}"
    return of_part if _KEY.match(of_part) else f"{hashlib.sha256(key.encode()).hexdigest()}/{part}"


def _on_behalf_of(request: Request, actor: Principal | None) -> Actor:
    return Actor.of(actor.id) if actor else Actor(anonymous=request.scope["route"].path)


def _fingerprint(request: Request, raw: bytes, secret: str) -> str:
    """What tells two requests under one key apart: method, path, query, If-Match, body.

    Keyed with our secret: a body may hold a password, and a plain hash of it could be guessed from the database.
    """
    parts = [
        request.method.encode(),
        request.scope["raw_path"] if request.scope.get("raw_path") else request.url.path.encode(),
        request.scope["query_string"],
        request.headers.get("if-match", "").encode(),
        raw,
    ]
    said = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(b"fingerprint:" + secret.encode(), said, hashlib.sha256).hex()
