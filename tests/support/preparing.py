"""An intake without an engine behind it."""

import asyncio

from queue_service.domain.command import Answer, Command


class NothingToAdd:
    """Leaves every command as it is."""

    def prepare(self, command: Command) -> Command:
        return command

    def ended(self, command: Command, outcome: asyncio.Future[Answer]) -> None:
        return None
