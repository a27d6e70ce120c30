"""From what came over the wire to a Command, or the refusal that says why not."""

import hashlib
import hmac
import secrets
from typing import Any

from queue_service.commands import KINDS
from queue_service.domain.command import Command, Deferral
from shared.commands import validated
from shared.errors import FieldError, Forbidden, Invalid
from shared.ids import fresh_id
from shared.jsonio import dumps
from shared.wire import CommandRequest, DeferredRequest, operation_id


def parse_command(wire: Any, *, size: int, secret: str, node: str = "") -> Command:
    """Check a request and its data. Raises Invalid naming the wrong member, Forbidden for a stranger's command that
    is not open to strangers. `node`: where it comes from."""
    request = validated(CommandRequest, wire)
    kind = KINDS.get(request.type)
    if kind is None:
        known = ", ".join(sorted(KINDS))
        raise Invalid(errors=[FieldError("type", f"unknown command; known: {known}")])
    if request.actor is not None and (kind.is_for_the_system or (request.actor.id is None and not kind.is_open)):
        raise Forbidden
    try:
        data = validated(kind.data, request.data)
    except Invalid as error:
        raise Invalid(errors=[FieldError(f"data.{e.field}", e.message) for e in error.errors]) from None
    if request.deferred and (request.actor is None or request.actor.userId is None):
        raise Invalid(
            errors=[FieldError("deferred", "is for a person's command: nobody else could ask what became of it")]
        )
    return Command(
        type=request.type,
        data=data,
        actor_id=request.actor.id if request.actor else None,
        # without a key the command is its own operation: nobody can ask for it twice
        operation_id=operation_id(request.actor, request.idempotencyKey or fresh_id()),
        fingerprint=request.fingerprint or _fingerprint(request, secret),
        expected_version=request.expectedVersion,
        request_id=request.requestId,
        size=size,
        weight=kind.weight(data),
        deferral=_deferral(request, node) if request.deferred else None,
        is_systems=request.actor is None,
        reason=request.reason,
        node=node,
    )


def _deferral(request: CommandRequest, node: str) -> Deferral:
    stored = DeferredRequest(
        type=request.type,
        data=request.data,
        expectedVersion=request.expectedVersion,
        requestId=request.requestId,
        ifMatch=request.ifMatch,
        reason=request.reason,
        node=node,
    )
    return Deferral(secrets.token_hex(16), dumps(stored.model_dump()).decode())


def _fingerprint(request: CommandRequest, secret: str) -> str:
    """Keyed, so that what is stored does not let anyone guess at the data by hashing candidates."""
    said = dumps([request.type, request.data, request.expectedVersion])
    return hmac.digest(secret.encode(), said, hashlib.sha256).hex()
