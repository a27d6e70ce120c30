"""Applications, the programs that use the API with a key of their own, and the secrets of their keys, as both the nodes
and the writer see them: frozen values and their wire shape."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.clock import iso
from shared.organisation import ON, Place
from shared.permissions import permissions_of

MOST_SECRETS: Final = 2
"""Secrets that open an application at one time: the one in use, and the one to follow it."""


@dataclass(frozen=True, slots=True)
class Application:
    """A program that calls the API. `scope_ids` are the permissions it was given, `enabled_ids` those of them that are
    not turned off everywhere. From `expires_at` on (None: never) none of its keys opens anything."""

    id: int
    name: str
    description: str | None
    department_id: int
    status: int
    expires_at: datetime | None
    created_by_user_id: int | None
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    scope_ids: frozenset[int] = frozenset()
    enabled_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ApplicationSecret:
    """The secret part of one key: of its 256 random bits only SHA-256 in hex is kept. `last_used_at` is exact to the
    minute."""

    id: int
    application_id: int
    hash: str
    revoked_at: datetime | None
    last_used_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


def place_of(application: Application, *, department_name: str, path: str, department_enabled: int) -> Place:
    """Where an application stands: its scopes are what a role is to a person."""
    return Place(
        role_code=None,
        role_name=application.name,
        role_status=ON,
        permission_ids=application.scope_ids,
        enabled_ids=application.enabled_ids,
        department_name=department_name,
        path=path,
        department_enabled=department_enabled,
    )


def live_secrets(secrets: Iterable[ApplicationSecret]) -> list[ApplicationSecret]:
    """Those that were not revoked, the oldest first."""
    return sorted((secret for secret in secrets if secret.revoked_at is None), key=lambda secret: secret.id)


def application_view(application: Application, place: Place, secrets: Iterable[ApplicationSecret]) -> dict[str, Any]:
    """What the API shows of an application, at every door: its secrets by id and time, never themselves. `secrets` are
    all there ever were: the last use is told of a revoked one, too."""
    known = list(secrets)
    last_used_at = max((secret.last_used_at for secret in known if secret.last_used_at), default=None)
    return {
        "id": application.id,
        "name": application.name,
        "description": application.description,
        "departmentId": application.department_id,
        "departmentName": place.department_name,
        "scopes": sorted(permissions_of(application.scope_ids)),
        "status": application.status,
        "expiresAt": _optional(application.expires_at),
        "secrets": [_secret_view(secret) for secret in live_secrets(known)],
        "lastUsedAt": _optional(last_used_at),
        "createdByUserId": application.created_by_user_id,
        "version": application.version,
        "createdAt": iso(application.created_at),
        "updatedAt": iso(application.updated_at),
    }


def _secret_view(secret: ApplicationSecret) -> dict[str, Any]:
    return {"id": secret.id, "createdAt": iso(secret.created_at), "lastUsedAt": _optional(secret.last_used_at)}


def _optional(at: datetime | None) -> str | None:
    return None if at is None else iso(at)
