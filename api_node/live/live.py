"""The live events of one node put together: its line to the event stream, its tickets, its open connections."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.live.connections import Connections
from api_node.live.event import LiveEvent
from api_node.live.follower import Follower
from api_node.live.limits import LiveLimits
from api_node.live.metrics import LiveMetrics
from api_node.live.tickets import Tickets
from api_node.queries import sign_ins
from api_node.reads import answering_database_errors
from shared.clock import Clock
from shared.model import User
from shared.policy import is_signed_in
from shared.settings import Settings

log = structlog.get_logger(__name__)


class Live:
    """`start` and `stop` once each."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        engine: AsyncEngine,
        registry: CollectorRegistry,
        limits: LiveLimits | None = None,
    ) -> None:
        self.limits = limits or LiveLimits()
        self.metrics = LiveMetrics(registry)
        self.tickets = Tickets(settings.jwt_secret, clock)
        self.origins = tuple(entry.strip() for entry in settings.cors_origins.split(",") if entry.strip())
        self.connections = Connections(self.limits, self.metrics, clock, self.look_up)
        self.follower = Follower(
            settings.queue_url, settings.queue_secret, clock, self.metrics, on_event=self._before_clients_hear
        )
        self._clock = clock
        self._engine = engine
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow the event stream and to look after the connections."""
        self.follower.start()
        self._watching = asyncio.create_task(self.connections.watch())

    async def stop(self) -> None:
        """End every client's stream, and our own."""
        await self.follower.stop()
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    async def look_up(self, session_ids: Collection[int]) -> Mapping[int, User]:
        """Of these sessions those that still hold, with the person as they are now. Raises DatabaseUnavailable."""
        async with answering_database_errors():
            found = await sign_ins.with_users(self._engine, session_ids)
        now = self._clock.now()
        return {session.id: user for session, user in found if is_signed_in(session, user, now)}

    def _before_clients_hear(self, event: LiveEvent) -> None:
        if event.person is not None:
            self.connections.account_changed(event.person)
