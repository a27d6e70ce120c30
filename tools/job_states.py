"""`docs/job-states.md`: the states of a job as a picture and a table, made from the table that the engine goes by."""

from collections.abc import Iterator

from queue_service.domain.transitions import MEANS, TRANSITIONS
from shared.jobs import TERMINAL
from tools.generated import Generated

_HEADER = """\
# The states of a job

Made from `queue_service/domain/transitions.py` by `python -m tools.drift`. What is not here cannot happen: a report
that asks for it is answered with 409 `stale_attempt`, an operation with 409 `wrong_state`, and changes nothing.
"""


def generated() -> list[Generated]:
    """The page."""
    parts = [_HEADER, "```mermaid", *_picture(), "```", "", *_table()]
    return [Generated("docs/job-states.md", "\n".join(parts) + "\n")]


def _picture() -> Iterator[str]:
    yield "stateDiagram-v2"
    yield "    [*] --> PENDING: submit"
    for (before, event), after in TRANSITIONS.items():
        yield f"    {before} --> {after}: {event}"
    for status in sorted(TERMINAL & set(TRANSITIONS.values())):
        yield f"    {status} --> [*]"


def _table() -> Iterator[str]:
    yield "| From | By | Because | To |"
    yield "| --- | --- | --- | --- |"
    for (before, event), after in TRANSITIONS.items():
        yield f"| {before} | {event} | {MEANS[event]} | {after} |"
