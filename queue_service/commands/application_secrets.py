"""add-secret, revoke-secret, note-secret-uses: the secrets of an application's keys (docs/adr/0018)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from queue_service.domain.applications import decision, managed, new_secret, person, touched
from queue_service.domain.command import Answer, Command, CommandKind, Decision, Needs
from queue_service.domain.workingset import Change, WorkingSet
from shared.application_commands import NewSecret, SecretRef, SecretUses
from shared.applications import MOST_SECRETS, live_secrets
from shared.errors import NotFound, TooManySecrets
from shared.permissions import Permission

LAST_USE_EVERY: Final = timedelta(minutes=1)
"""A secret's last use is written again when it is this much later than the one on record."""


def _add_secret(data: NewSecret, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """One more secret. The others go on, so that programs can change over one after the other."""
    before = managed(data.applicationId, command, person(command, working), working)
    if len(live_secrets(before.secrets)) >= MOST_SECRETS:
        raise TooManySecrets
    secret = new_secret(before.application.id, data.secretHash, working, now)
    after = replace(touched(before, now), secrets=(*before.secrets, secret))
    return decision("updated", "add-secret", command, before, after, secret)


def _revoke_secret(data: SecretRef, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """A secret that opens nothing from now on. The row stays: it says when it was used last."""
    before = managed(data.applicationId, command, person(command, working), working)
    secret = next((one for one in live_secrets(before.secrets) if one.id == data.secretId), None)
    if secret is None:
        raise NotFound
    revoked = replace(secret, revoked_at=now, version=secret.version + 1, updated_at=now)
    kept = tuple(revoked if one.id == secret.id else one for one in before.secrets)
    decided = decision("updated", "revoke-secret", command, before, replace(touched(before, now), secrets=kept))
    return replace(decided, changes=[*decided.changes, Change(secret, revoked)])


def _note_uses(data: SecretUses, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Write down last uses, none more than once a minute, whichever nodes tell of it. A node's clock may be ahead."""
    changes = []
    for secret_id, used_at in sorted({use.secretId: datetime.fromisoformat(use.usedAt) for use in data.uses}.items()):
        secret = working.secrets.get(secret_id)
        at = min(used_at, now)
        if secret is None or (secret.last_used_at is not None and at - secret.last_used_at < LAST_USE_EVERY):
            continue
        changes.append(Change(secret, replace(secret, last_used_at=at, version=secret.version + 1, updated_at=now)))
    return Decision(Answer(200, {}), changes)


def _needs_it(data: NewSecret | SecretRef) -> Needs:
    return Needs(application_ids=frozenset({data.applicationId}))


ADD_SECRET: Final = CommandKind(
    name="add-secret",
    lane="access",
    permission=Permission.APPLICATION_MANAGE,
    data=NewSecret,
    needs=_needs_it,
    decide=_add_secret,
)

REVOKE_SECRET: Final = CommandKind(
    name="revoke-secret",
    lane="access",
    permission=Permission.APPLICATION_MANAGE,
    data=SecretRef,
    needs=_needs_it,
    decide=_revoke_secret,
)

NOTE_SECRET_USES: Final = CommandKind(
    name="note-secret-uses",
    lane="access",
    permission=None,
    data=SecretUses,
    needs=lambda data: Needs(secret_ids=frozenset(use.secretId for use in data.uses)),
    decide=_note_uses,
    is_for_the_system=True,
)
