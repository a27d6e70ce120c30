"""The data of every command: checked by the node before it forwards, and by the queue service before it accepts.

The members are those of the API (camelCase), so one model serves the request body and the internal door.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from shared.errors import FieldError, Invalid
from shared.model import MAX_DESCRIPTION_BYTES, MAX_LABEL, MAX_TITLE, Status

M = TypeVar("M", bound=BaseModel)

MAX_FAULTS: Final = 20
"""Wrong members that one answer names: a body may hold thousands."""
_MAX_NAME: Final = 100


class CommandData(BaseModel):
    """Base of them all: frozen, unknown members refused, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _fits_a_text_column(value: str) -> str:
    if len(value.encode()) > MAX_DESCRIPTION_BYTES:
        raise ValueError(f"takes at most {MAX_DESCRIPTION_BYTES} bytes")
    return value


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TITLE),
    Field(json_schema_extra={"pattern": r"\S"}),
]
Label = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_LABEL)]
Description = Annotated[
    str, AfterValidator(_fits_a_text_column), Field(json_schema_extra={"maxLength": MAX_DESCRIPTION_BYTES})
]
# to JSON 5.0 is an integer (JSON Schema 2020-12, 4.2.3), and some languages write it so
Whole = BeforeValidator(lambda given: int(given) if isinstance(given, float) and given.is_integer() else given)
RowId = Annotated[int, Field(ge=1, lt=2**53), Whole]
Version = Annotated[int, Field(ge=1, lt=2**31), Whole]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# the space around is taken away before it is matched: it is in the pattern for those who read it in the document
# no control character and no space of Unicode, one by one: what \s means differs between the readers of a pattern
_SPACE = r"<>\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
NO_SPACE: Final = f"[^{_SPACE}]+"
_OF_EMAIL = f"[^@{_SPACE}]+"
_EMAIL = rf"^[ \t\r\n]*{_OF_EMAIL}@{_OF_EMAIL}[ \t\r\n]*$"


def folded(given: Any) -> Any:
    """A login name as it is stored. Lower case first: it can be longer than what was given, and the column holds it."""
    return given.strip(" \t\r\n").lower() if isinstance(given, str) else given


Email = Annotated[str, StringConstraints(min_length=3, max_length=255, pattern=_EMAIL), BeforeValidator(folded)]
OnOrOff = Annotated[int, Field(ge=0, le=1), Whole]


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


class NoData(CommandData):
    """A command that is told by its type, its actor and its key alone."""


class TaskRef(CommandData):
    """delete-task."""

    taskId: RowId


def validated(model: type[M], value: Any) -> M:
    """`value` as the model. Raises Invalid naming each wrong member by its path."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(errors=field_errors(error)) from None


def field_errors(error: ValidationError) -> Sequence[FieldError]:
    """pydantic's findings in the API's words, the first MAX_FAULTS; the offending value is not repeated."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:MAX_FAULTS]
    return [FieldError(".".join(map(str, e["loc"]))[:_MAX_NAME] or "body", _in_words(e)) for e in found]


def _in_words(error: ErrorDetails) -> str:
    """What is wrong with a member. A pattern is for programs, which find it in the document."""
    if error["type"] != "string_pattern_mismatch":
        return error["msg"]
    return "is not an e-mail address" if error["loc"][-1:] == ("email",) else "has a form or a character it cannot have"
