"""Where an event stands in the stream of committed changes: `<epoch>.<seq>` in text, ordered across restarts too."""

from typing import TypeAlias

from shared.errors import FieldError, Invalid

Position: TypeAlias = tuple[int, int]
"""Epoch and sequence number."""


def as_text(position: Position) -> str:
    """`3.17`."""
    return f"{position[0]}.{position[1]}"


def from_text(text: str) -> Position:
    """The position again. Raises Invalid for what no stream gave out."""
    epoch, dot, seq = text.partition(".")
    if not (dot and epoch.isascii() and epoch.isdigit() and seq.isascii() and seq.isdigit() and len(text) < 40):
        raise Invalid(errors=[FieldError("since", "must be <epoch>.<seq>, as the stream gave it")])
    return int(epoch), int(seq)
