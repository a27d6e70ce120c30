"""A TCP proxy before a MySQL-family server that injects faults at chosen statements.

    async with MySQLProxy(server.host, server.port) as proxy:
        lost = proxy.drop_ok_of("COMMIT")
        ...                                # the product, in this loop or in another process, connects to proxy.port
        await lost.fired.wait()

It reads text statements (COM_QUERY); prepared ones pass unseen. It keeps clients from agreeing on TLS or compression.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

from tests.support.mysql_faults import CutBefore, Delay, DropOk, Fail, Fault, Rule, Swallow, choose, rule
from tests.support.mysql_link import Link

ROLLS_BACK: Final = frozenset({1213})  # InnoDB undoes the whole transaction for a deadlock, one statement for a timeout


class MySQLProxy:
    """Listens on a free port of 127.0.0.1 while its `async with` block runs; rules can be added at any time.

    Every fault takes `matching`, a regular expression for the beginning of the statement, and `every` and `skip` as
    explained at Rule; it returns the Rule, whose `fired_count` and `fired` event tell what came of it.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        self.port = 0
        self.refused_count = 0
        self._target = (target_host, target_port)
        self._rules: list[Rule] = []
        self._refuses = False
        self._greeting: bytes | None = None
        self._links: dict[asyncio.Task[None], Link | None] = {}
        self._failures: list[Exception] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Cut what is open and wait for every task. Raises what went wrong in the proxy itself, if anything did."""
        assert self._server is not None
        self._server.close()
        for task in self._links:
            task.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)
        await self._server.wait_closed()
        if self._failures and exc is None:
            raise ExceptionGroup("the fault proxy failed", self._failures)

    def drop_ok_of(self, matching: str, *, every: int | None = None, skip: int = 0) -> Rule:
        """Let the statement happen, then cut both connections in place of its answer."""
        return self._add(DropOk(), matching, every, skip)

    def cut_before(self, matching: str, *, every: int | None = None, skip: int = 0) -> Rule:
        """Cut both connections in place of forwarding the statement; the server rolls its transaction back."""
        return self._add(CutBefore(), matching, every, skip)

    def fail_with(self, code: int, matching: str, *, every: int | None = None, skip: int = 0) -> Rule:
        """Answer with error `code` in place of forwarding. 1213 rolls the transaction back; any other leaves it."""
        return self._add(Fail(code, code in ROLLS_BACK), matching, every, skip)

    def delay(self, matching: str, seconds: float, *, every: int | None = None, skip: int = 0) -> Rule:
        """Forward the statement `seconds` late."""
        return self._add(Delay(seconds), matching, every, skip)

    def swallow(self, matching: str, *, every: int | None = None, skip: int = 0) -> Rule:
        """Lose the statement and all that follows on its connection, which stays open at both ends."""
        return self._add(Swallow(), matching, every, skip)

    def remove(self, *rules: Rule) -> None:
        """Take rules back; one that was taken back already is no error. What has begun is carried out."""
        self._rules = [kept for kept in self._rules if kept not in rules]

    def refuse_connections(self, on: bool) -> None:
        """From now on, close each new connection at once (counted in `refused_count`), or stop doing so."""
        self._refuses = on

    def greet_with(self, greeting: bytes | None) -> None:
        """From now on say this to each new connection and close it; None: let the server speak again."""
        self._greeting = greeting

    def cut_all(self) -> None:
        """Cut every connection that is open now; the server rolls their transactions back."""
        for link in self._links.values():
            if link is not None:
                link.cut()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force, oldest first, those that fired once included."""
        return tuple(self._rules)

    def _add(self, fault: Fault, matching: str, every: int | None, skip: int) -> Rule:
        self._rules.append(rule(fault, matching, every=every, skip=skip))
        return self._rules[-1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            self.refused_count += 1
            writer.transport.abort()
            return
        if self._greeting is not None:
            writer.write(self._greeting)
            writer.close()
            return
        # Not left to start_server, which keeps no account of its tasks.
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._links[task] = None
        task.add_done_callback(self._ended)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except BaseException as failure:
            writer.transport.abort()
            if isinstance(failure, OSError):
                return
            raise
        link = Link(reader, writer, server_reader, server_writer, lambda sql: choose(self._rules, sql))
        task = asyncio.current_task()
        assert task is not None
        self._links[task] = link
        await link.run()

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._links[task]
        failure = None if task.cancelled() else task.exception()
        if isinstance(failure, Exception):
            self._failures.append(failure)
