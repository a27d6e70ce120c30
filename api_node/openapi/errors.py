"""The errors an operation may answer with: what it names, and what follows from what it takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from api_node.openapi.operation import Operation
from shared.errors import (
    ConsoleError,
    DatabaseUnavailable,
    Forbidden,
    HeadTooLarge,
    IdempotencyMismatch,
    Internal,
    Invalid,
    MalformedRequest,
    NotFound,
    OutcomeUnknown,
    PayloadTooLarge,
    PeopleOnly,
    PreconditionFailed,
    QueueFull,
    QueueUnreachable,
    RequestTimeout,
    ShuttingDown,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    VersionConflict,
)
from shared.messages import message

_ALWAYS: Final = (MalformedRequest, RequestTimeout, HeadTooLarge, Internal, Unavailable)
_OF_A_TOKEN: Final = (Unauthenticated, Forbidden, DatabaseUnavailable)
_OF_A_BODY: Final = (PayloadTooLarge, UnsupportedMediaType, Invalid)
OF_THE_QUEUE: Final = (DatabaseUnavailable, QueueFull, QueueUnreachable, ShuttingDown, OutcomeUnknown)
"""Of whatever is forwarded to the queue service; implied where `is_write`."""
_OF_A_WRITE: Final = (*OF_THE_QUEUE, Invalid, IdempotencyMismatch)
_OF_A_VERSION: Final = (Invalid, VersionConflict, PreconditionFailed)

OF_THE_EDGE: Final[Mapping[int, tuple[str, str]]] = {
    502: ("bad_gateway", "The node broke off: whether the request was applied is not known"),
    504: ("gateway_timeout", "The node did not answer in time: whether the request was applied is not known"),
}
"""Errors that no node gives: code and words, as in the Caddyfile."""


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """The errors of one status."""

    status: int
    codes: tuple[str, ...]
    means: str


def error_answers(
    operation: Operation, *, takes_a_token: bool, takes_an_id: bool, people_only: bool = False
) -> dict[int, ErrorAnswer]:
    """Every error answer of an operation by its status, in order."""
    kinds = set[type[ConsoleError]](_ALWAYS)
    kinds |= set(operation.errors)
    for applies, more in (
        (takes_a_token, _OF_A_TOKEN),
        (takes_an_id, (NotFound,)),
        (people_only, (PeopleOnly,)),
        (operation.body is not None, _OF_A_BODY),
        (bool(operation.query), (Invalid,)),
        (operation.is_write, _OF_A_WRITE),
        (operation.is_versioned, _OF_A_VERSION),
    ):
        kinds |= set(more) if applies else set()
    by_status: dict[int, list[str]] = {status: [code] for status, (code, _) in OF_THE_EDGE.items()}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind.code)
    return {status: _answer(status, sorted(codes)) for status, codes in sorted(by_status.items())}


def _answer(status: int, codes: Iterable[str]) -> ErrorAnswer:
    words = dict(OF_THE_EDGE.values())
    means = "; ".join(f"`{code}`: {words.get(code) or message(code, 'en')}" for code in codes)
    return ErrorAnswer(status, tuple(codes), means)
