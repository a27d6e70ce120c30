"""A command under way: what was accepted, who waits for it, and the way it ends."""

import asyncio
from dataclasses import dataclass, field

from queue_service.domain.command import Answer, Command, Result
from shared.errors import ConsoleError


@dataclass(slots=True, eq=False)
class Pending:
    """One accepted command. `may_have_happened`: a COMMIT that held it was sent and never answered."""

    command: Command
    accepted_at: float
    future: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    may_have_happened: bool = False

    def resolve(self, result: Result) -> None:
        """Answer whoever waits. Called only once what it says is committed, or certain not to be."""
        if self.future.done():
            return
        if isinstance(result, ConsoleError):
            self.future.set_exception(result)
            # nobody may be waiting any more; an error that was delivered to nobody is not worth a warning
            self.future.exception()
        else:
            self.future.set_result(result)
