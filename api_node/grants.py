"""From a session the queue service has stored to the tokens its owner gets."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from api_node.node import Node
from api_node.refresh_tokens import RefreshToken
from api_node.signed_tokens import Named
from shared.account_commands import NewSession
from shared.errors import FieldError

NOT_TO_BE_KEPT: Final = {"Cache-Control": "no-store"}
"""Of every answer that holds a token (RFC 6749, 5.1)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A sign-in that was opened or refreshed. `token` None: the secret went to whoever asked first, and is not shown
    twice."""

    named: Named
    expires_at: datetime
    token: RefreshToken | None


def new_session(node: Node, token: RefreshToken) -> NewSession:
    """What the queue service stores of a new sign-in."""
    return NewSession(familyHash=token.family_hash, tokenHash=token.token_hash, lifeS=node.settings.refresh_ttl_s)


def grant_of(stored: dict[str, Any], token: RefreshToken) -> Grant:
    """The stored session, with this request's token if that is the one that was stored.

    The queue service may answer from an earlier run of the same request: our own resending, whose token it is, or a
    replay by the client's key, whose token it is not.
    """
    is_ours = stored["tokenHash"] == token.token_hash
    ends_at = datetime.fromisoformat(stored["expiresAt"])
    named = Named(stored["userId"], stored["userEpoch"], stored["id"])
    return Grant(named, ends_at, token if is_ours else None)


def granted(node: Node, grant: Grant, warnings: list[FieldError] | None = None) -> dict[str, Any]:
    """The members of an answer that hand out tokens; `expiresIn` is the access token's life in seconds."""
    access = node.tokens.mint(grant.named, grant.expires_at)
    refresh = grant.token.of_session(grant.named.session_id) if grant.token else None
    told = {"warnings": [{"field": w.field, "message": w.message} for w in warnings]} if warnings else {}
    return {"token": access.text, "expiresIn": access.expires_in_s, "refreshToken": refresh} | told
