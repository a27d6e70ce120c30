"""One command on its way to the queue service, and the ways it ends."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from shared.errors import ConsoleError, OutcomeUnknown
from shared.wire import error_from_wire


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one command."""

    status: int
    data: Any
    is_replayed: bool


@dataclass(slots=True, eq=False)
class Unanswered:
    """`was_sent`: a byte of it may have left this machine. `may_have_happened`: a try that was sent got no answer."""

    raw: bytes
    deadline: float
    future: asyncio.Future[Outcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    was_sent: bool = False
    may_have_happened: bool = False

    def resolve(self, line: dict[str, Any]) -> None:
        """End as the queue service's line for it says."""
        if "error" in line:
            self.fail(error_from_wire(line["error"]))
        elif not self.future.done():
            self.future.set_result(Outcome(line["status"], line["data"], line["replayed"]))

    def fail(self, error: ConsoleError) -> None:
        """End with an error.

        A try that was turned away before its key was looked up (a full queue, no database) says nothing about an
        earlier try that was never answered: the outcome is unknown then.
        """
        if self.may_have_happened and error.status >= 500:
            error = OutcomeUnknown()
        if not self.future.done():
            self.future.set_exception(error)
            self.future.exception()  # the client may have hung up: nobody else needs to hear of it
