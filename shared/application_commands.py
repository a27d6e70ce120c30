"""The data of every command about applications. Of a key's secret only a digest is here: a node forwards nothing that
could open anything."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from shared.clock import iso
from shared.commands import CommandData, Digest, OnOrOff, RowId
from shared.permissions import Permission

MOST_USES: Final = 1_000
"""Uses that one command tells of."""
_CENTURY: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def _as_utc(given: Any) -> Any:
    """An instant in whatever zone as all of ours are written."""
    if not isinstance(given, str):
        return given
    try:
        at = datetime.fromisoformat(given)
        is_usable = at.tzinfo is not None and _CENTURY[0] <= at < _CENTURY[1]
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError("must be an instant of this century with its zone, such as 2030-01-01T00:00:00Z")
    return iso(at)


def _known(code: str) -> str:
    return Permission(code).value  # a ValueError where there is none


Instant = Annotated[
    str,
    BeforeValidator(_as_utc),
    Field(json_schema_extra={"format": "date-time", "examples": ["2030-01-01T00:00:00.000Z"]}),
]
Scope = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [code.value for code in Permission]})]
Scopes = Annotated[list[Scope], Field(max_length=10 * len(Permission))]
ApplicationName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(json_schema_extra={"pattern": r"\S"}),
]
ApplicationDescription = Annotated[str, StringConstraints(max_length=500)]


class ApplicationProfile(CommandData):
    """The members of an application that people write. `scopes` are codes of permissions; it sees `departmentId` and
    below."""

    name: ApplicationName
    description: ApplicationDescription | None = None
    departmentId: RowId
    scopes: Scopes
    status: OnOrOff
    expiresAt: Instant | None = None


class NewApplication(ApplicationProfile):
    """create-application, with its first secret."""

    secretHash: Digest


class ApplicationUpdates(CommandData):
    """The members to change; one that is absent stays as it is (its default here is never used)."""

    name: ApplicationName = ""
    description: ApplicationDescription | None = None
    departmentId: RowId = 0
    scopes: Scopes = Field(default=[])
    status: OnOrOff = 1
    expiresAt: Instant | None = None


class ApplicationPatch(CommandData):
    """update-application."""

    applicationId: RowId
    updates: ApplicationUpdates


class ApplicationRef(CommandData):
    """delete-application."""

    applicationId: RowId


class NewSecret(CommandData):
    """add-secret: a second one, to change over to."""

    applicationId: RowId
    secretHash: Digest


class SecretRef(CommandData):
    """revoke-secret."""

    applicationId: RowId
    secretId: RowId


class SecretUse(CommandData):
    """That a key was used, and when a node saw it."""

    secretId: RowId
    usedAt: Instant


class SecretUses(CommandData):
    """note-secret-uses, by a node on behalf of nobody."""

    uses: Annotated[list[SecretUse], Field(min_length=1, max_length=MOST_USES)]
