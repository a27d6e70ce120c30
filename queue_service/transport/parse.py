"""From what came over the wire to a Command, or the refusal that says why not."""

import hashlib
import hmac
import uuid
from typing import Any

from queue_service.commands import KINDS
from queue_service.domain.command import Command
from shared.commands import validated
from shared.errors import FieldError, Forbidden, Invalid
from shared.jsonio import dumps
from shared.wire import CommandRequest, operation_id


def parse_command(wire: Any, *, size: int, secret: str) -> Command:
    """Check a request and its data. Raises Invalid naming the wrong member, Forbidden for a stranger's command that
    is not open to strangers."""
    request = validated(CommandRequest, wire)
    kind = KINDS.get(request.type)
    if kind is None:
        known = ", ".join(sorted(KINDS))
        raise Invalid(errors=[FieldError("type", f"unknown command; known: {known}")])
    if request.actor is not None and request.actor.userId is None and kind.permission is not None:
        raise Forbidden
    try:
        data = validated(kind.data, request.data)
    except Invalid as error:
        raise Invalid(errors=[FieldError(f"data.{e.field}", e.message) for e in error.errors]) from None
    return Command(
        type=request.type,
        data=data,
        actor_id=request.actor.userId if request.actor else None,
        # without a key the command is its own operation: nobody can ask for it twice
        operation_id=operation_id(request.actor, request.idempotencyKey or uuid.uuid4().hex),
        fingerprint=request.fingerprint or _fingerprint(request, secret),
        expected_version=request.expectedVersion,
        request_id=request.requestId,
        size=size,
    )


def _fingerprint(request: CommandRequest, secret: str) -> str:
    """Keyed, so that what is stored does not let anyone guess at the data by hashing candidates."""
    said = dumps([request.type, request.data, request.expectedVersion])
    return hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()
