"""The open connections of one node: how many there may be, and whether each may still be there."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import structlog

from api_node.live.connection import (
    NO_LONGER_ALLOWED,
    NO_LONGER_SIGNED_IN,
    TRY_AGAIN,
    Connection,
)
from api_node.live.limits import LiveLimits
from api_node.live.metrics import LiveMetrics
from shared.clock import Clock
from shared.errors import DatabaseUnavailable, TooManyConnections, Unavailable
from shared.permissions import Permission
from shared.policy import has_permission
from shared.principal import Principal

LookUp = Callable[[Collection[int]], Awaitable[Mapping[int, Principal]]]
"""Of these sessions (ids) those that still hold, with the person as they are now. Raises DatabaseUnavailable."""

_BREATH_S: Final = 0.2

log = structlog.get_logger(__name__)


class Connections:
    """`watch` runs for as long as the node does."""

    def __init__(self, limits: LiveLimits, metrics: LiveMetrics, clock: Clock, look_up: LookUp) -> None:
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._look_up = look_up
        self._places: dict[int, int] = {}
        self._taken = 0
        self._open: dict[Connection, Permission] = {}
        self._hurry = asyncio.Event()
        self._has_moved = False

    @contextmanager
    def place(self, user_id: int) -> Iterator[None]:
        """A place for one connection of a person, from before it is let in until it is closed.

        Raises TooManyConnections when they have all they may, Unavailable when the node has.
        """
        of_person = self._places.get(user_id, 0)
        if of_person >= self._limits.a_person:
            raise TooManyConnections(retry_after_s=30)
        if self._taken >= self._limits.a_node:
            raise Unavailable("this node holds all the live connections it takes")
        self._places[user_id] = of_person + 1
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._places[user_id] -= 1
            if not self._places[user_id]:
                del self._places[user_id]

    @contextmanager
    def watched(self, connection: Connection, permission: Permission) -> Iterator[None]:
        """See to it that the connection ends soon after its person lost `permission` or the sign-in."""
        self._open[connection] = permission
        self._metrics.connections.inc()
        try:
            yield
        finally:
            del self._open[connection]
            self._metrics.connections.dec()

    def account_changed(self, user_id: int) -> None:
        """Look at once, if that person is here."""
        if user_id in self._places:
            self._hurry.set()

    def organisation_changed(self) -> None:
        """Look at everybody at once: a role, a permission or a department is another one now."""
        self._has_moved = True
        self._hurry.set()

    async def watch(self) -> None:
        """Look at everybody's rights every `look_s`, and soon after an account changed. Never ends by itself."""
        while True:
            try:
                async with asyncio.timeout(self._limits.look_s):
                    await self._hurry.wait()
            except TimeoutError:
                pass
            self._hurry.clear()
            await self._look()
            await self._clock.sleep(_BREATH_S)  # many changes at once are one look

    async def _look(self) -> None:
        connections = dict(self._open)
        has_moved, self._has_moved = self._has_moved, False
        if not connections:
            return
        at = self._clock.monotonic()
        try:
            found = await self._look_up({connection.session_id for connection in connections})
        except Exception as error:
            # whatever kept us from looking: old rights are believed for a while and not for ever
            if not isinstance(error, DatabaseUnavailable):
                log.error("live_rights_not_read", exc_info=error)
            self._has_moved = has_moved
            for connection in connections:
                if self._clock.monotonic() - connection.believed_at >= self._limits.rights_last_s:
                    connection.end(TRY_AGAIN, "the database does not say who may listen")
            return
        for connection, permission in connections.items():
            viewer = found.get(connection.session_id)
            if viewer is None:
                connection.end(NO_LONGER_SIGNED_IN, "no longer signed in")
            elif not has_permission(viewer, permission):
                connection.end(NO_LONGER_ALLOWED, "no longer allowed")
            else:
                connection.believe(viewer, at, has_moved=has_moved)
