"""The live events of one node put together: its line to the event stream, its tickets, its open connections."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from api_node.live.connections import Connections
from api_node.live.event import LiveEvent
from api_node.live.follower import Follower
from api_node.live.limits import LiveLimits
from api_node.live.metrics import LiveMetrics
from api_node.live.tickets import Tickets
from api_node.queries import sessions
from api_node.reads import answering_database_errors
from api_node.signed_tokens import SigningKeys
from shared.actor import ApplicationId
from shared.clock import Clock
from shared.principal import Principal
from shared.rights_news import Concerned
from shared.settings import Settings
from shared.tasks import end

if TYPE_CHECKING:
    from api_node.live.redis_news import RedisNews

log = structlog.get_logger(__name__)


class Live:
    """`start` and `stop` once each.

    `on_change_of_rights` is called with whose rights may have changed, before the clients hear of it; with REDIS_URL
    `redis`, None without, may tell it first. `on_broken` is called when a part of it that never ends has ended: it must
    end the process, which would go on telling clients of nothing, or those who may no longer listen of everything.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        engine: AsyncEngine,
        registry: CollectorRegistry,
        limits: LiveLimits | None = None,
        *,
        on_broken: Callable[[], None],
        on_change_of_rights: Callable[[Concerned], None],
    ) -> None:
        self.limits = limits or LiveLimits()
        self.metrics = LiveMetrics(registry)
        self.tickets = Tickets(SigningKeys.of(settings), clock)
        self.origins = tuple(entry.strip() for entry in settings.cors_origins.split(",") if entry.strip())
        self.connections = Connections(self.limits, self.metrics, clock, self.look_up)
        self.follower = Follower(
            settings.queue_url, settings.queue_secret, clock, self.metrics, on_event=self._before_clients_hear
        )
        self.redis = _redis_news(settings.redis_url, clock, self._rights_changed) if settings.redis_url else None
        self._clock = clock
        self._engine = engine
        self._on_broken = on_broken
        self._on_change_of_rights = on_change_of_rights
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow the event stream and to look after the connections."""
        self._watching = asyncio.create_task(self.connections.watch())
        for task in (self.follower.start(), self._watching):
            task.add_done_callback(self._ended)
        if self.redis is not None:
            self.redis.start()

    async def stop(self) -> None:
        """End every client's stream, and our own."""
        if self.redis is not None:
            await self.redis.stop()
        await self.follower.stop()
        if self._watching is not None:
            await end(self._watching)

    async def look_up(self, session_ids: Collection[int]) -> Mapping[int, Principal]:
        """Of these sessions those that still hold, with the person as they are now. Raises DatabaseUnavailable."""
        async with answering_database_errors():
            found = await sessions.with_people(self._engine, session_ids)
        now = self._clock.now()
        return {signed_in.session.id: signed_in.principal() for signed_in in found if signed_in.holds(now)}

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.critical("live_events_broke", exc_info=task.exception())
            self._on_broken()

    def _before_clients_hear(self, event: LiveEvent) -> None:
        if event.concerned is not None:
            self._rights_changed(event.concerned)

    def _rights_changed(self, who: Concerned) -> None:
        self._on_change_of_rights(who)
        if who == "everybody":
            self.connections.organisation_changed()
        elif not isinstance(who, ApplicationId):  # those have no connections
            self.connections.account_changed(who)


def _redis_news(url: str, clock: Clock, on_news: Callable[[Concerned], None]) -> "RedisNews":
    from api_node.live.redis_news import RedisNews  # what it needs is installed where REDIS_URL is used

    return RedisNews(url, clock, on_news)
