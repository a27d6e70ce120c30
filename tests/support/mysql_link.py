"""One connection through the fault proxy: relays both ways, asks what to do with each statement, and does it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from tests.support.mysql_faults import CutBefore, Delay, DropOk, Fail, Rule, Swallow, statements
from tests.support.mysql_wire import Message, error, in_the_clear, query, read_message

Choose = Callable[[str], Rule | None]

CHUNK: Final = 1 << 16
GONE: Final = (ConnectionError, asyncio.IncompleteReadError)


class Link:
    """One client's connection and its counterpart to the server; `choose` gives the rule for a statement's text."""

    def __init__(
        self,
        client_reader: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server: asyncio.StreamWriter,
        choose: Choose,
    ) -> None:
        self._client_reader = client_reader
        self._client = client
        self._server_reader = server_reader
        self._server = server
        self._choose = choose
        self._held: asyncio.StreamReader | None = None

    async def run(self) -> None:
        """Relay until either side closes or a fault cuts. Raises only what a bug of the proxy raises."""
        try:
            with suppress(*GONE):
                self._client.write(in_the_clear(await read_message(self._server_reader)))
                await self._relay()
            await self._close()
        except BaseException:
            self.cut()
            raise

    def cut(self) -> None:
        """Close both sides at once, dropping what was not sent yet."""
        self._client.transport.abort()
        self._server.transport.abort()

    async def _relay(self) -> None:
        pumps = [asyncio.ensure_future(self._from_client()), asyncio.ensure_future(self._from_server())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            results = await asyncio.gather(*pumps, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _close(self) -> None:
        for writer in (self._client, self._server):
            writer.close()  # in order: an error that the server sent before it closed still reaches the client
        for writer in (self._client, self._server):
            with suppress(OSError):
                await writer.wait_closed()

    async def _from_client(self) -> None:
        while True:
            message = await read_message(self._client_reader)
            chosen = self._choose(message.sql) if message.sql is not None else None
            if chosen is None:
                await self._forward(message.raw)
            else:
                await self._apply(chosen, message)
                chosen.done()
                if isinstance(chosen.fault, Swallow):
                    await self._never()

    async def _from_server(self) -> None:
        while data := await self._server_reader.read(CHUNK):
            if self._held is None:
                self._client.write(data)
                await self._client.drain()
            else:
                self._held.feed_data(data)

    async def _apply(self, rule: Rule, message: Message) -> None:
        index = rule.index_in(message.sql or "") or 0
        match rule.fault:
            case Delay(seconds):
                await asyncio.sleep(seconds)
                await self._forward(message.raw)
            case Fail(code) if index:
                failing = f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'injected'"
                await self._forward(query("; ".join([*statements(message.sql or "")[:index], failing])))
            case Fail(code, rolls_back):
                if rolls_back:
                    await self._answer_to(query("ROLLBACK"))
                self._client.write(error(code, message))
            case DropOk():
                await self._answer_to(message.raw)
                self.cut()
            case CutBefore():
                self.cut()
            case Swallow():
                self._held = asyncio.StreamReader()  # what the server may still say goes nowhere

    async def _never(self) -> None:
        """Read nothing more from the client, not even that it went away; the relay ends when the server does."""
        await asyncio.get_running_loop().create_future()

    async def _forward(self, raw: bytes) -> None:
        self._server.write(raw)
        await self._server.drain()

    async def _answer_to(self, raw: bytes) -> None:
        """Send a command and keep its answer from the client; the first message of it proves that it was executed.

        No earlier answer can be under way: a client sends no command before it has read the last one's answer. On a
        connection that goes on, this is only used for a ROLLBACK, whose answer has no second message.
        """
        self._held = asyncio.StreamReader()
        try:
            await self._forward(raw)
            await read_message(self._held)
        finally:
            self._held = None
