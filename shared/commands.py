"""The data of every command: checked by the node before it forwards, and by the queue service before it accepts.

The members are those of the API (camelCase), so one model serves the request body and the internal door.
"""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from shared.errors import FieldError, Invalid
from shared.model import MAX_DESCRIPTION_BYTES, MAX_LABEL, MAX_TITLE, Status

M = TypeVar("M", bound=BaseModel)


class CommandData(BaseModel):
    """Base of them all: frozen, unknown members refused, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _fits_a_text_column(value: str) -> str:
    if len(value.encode()) > MAX_DESCRIPTION_BYTES:
        raise ValueError(f"takes at most {MAX_DESCRIPTION_BYTES} bytes")
    return value


Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TITLE)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_LABEL)]
Description = Annotated[str, AfterValidator(_fits_a_text_column)]
RowId = Annotated[int, Field(ge=1, lt=2**53)]
Version = Annotated[int, Field(ge=1, lt=2**31)]
# lower case first: it can be longer than what was given, and it is what the column holds
Email = Annotated[
    str,
    BeforeValidator(lambda given: given.strip().lower() if isinstance(given, str) else given),
    StringConstraints(min_length=3, max_length=255, pattern=r"^[^@\s<>]+@[^@\s<>]+$"),
]


class TaskFields(CommandData):
    """The members of a task that people write."""

    title: Title
    category: Label | None = None
    tag: Label | None = None
    description: Description | None = None
    status: Status = "todo"
    assignedToUserId: RowId | None = None


class NewTask(TaskFields):
    """create-task. Only the system names the creator; a person's own id is the actor's."""

    createdByUserId: RowId | None = None


class TaskUpdates(CommandData):
    """The members to change; one that is absent stays as it is (its default here is never used)."""

    title: Title = ""
    category: Label | None = None
    tag: Label | None = None
    description: Description | None = None
    status: Status = "todo"
    assignedToUserId: RowId | None = None


class TaskPatch(CommandData):
    """update-task."""

    taskId: RowId
    updates: TaskUpdates


class TaskRef(CommandData):
    """delete-task."""

    taskId: RowId


class NewUser(CommandData):
    """create-user. The node hashed the password; nothing else of it travels."""

    email: Email
    passwordHash: Annotated[str, StringConstraints(max_length=255, pattern=r"^\$argon2id\$")]


def validated(model: type[M], value: Any) -> M:
    """`value` as the model. Raises Invalid naming each wrong member by its path."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(errors=field_errors(error)) from None


def field_errors(error: ValidationError) -> Sequence[FieldError]:
    """pydantic's findings in the API's words; the offending value is not repeated."""
    return [FieldError(".".join(map(str, e["loc"])) or "body", e["msg"]) for e in error.errors(include_url=False)]
