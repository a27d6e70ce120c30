"""What the handlers of one node share: built once at start, found by every handler through `Node.of(request)`."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request

from api_node.applications import Applications
from api_node.engine_client import EngineClient
from api_node.live.live import Live
from api_node.passwords import Passwords
from api_node.queue_client import QueueClient
from api_node.secret_uses import SecretUses
from api_node.sessions import Sessions
from api_node.signed_tokens import SigningKeys
from api_node.tokens import AccessTokens
from shared.clock import Clock
from shared.db.database import reader_engine
from shared.http.context import HttpMetrics
from shared.rights_news import Concerned
from shared.settings import Settings


@dataclass(slots=True)
class Node:
    """The parts of a node. `is_stopping` turns the health check off before the listener closes. `on_broken` must end
    the process at once: a part that never ends has ended."""

    settings: Settings
    clock: Clock
    engine: AsyncEngine
    queue: QueueClient
    units: EngineClient
    tokens: AccessTokens
    on_broken: Callable[[], None]
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    http_metrics: HttpMetrics = field(init=False)
    passwords: Passwords = field(init=False)
    sessions: Sessions = field(init=False)
    secret_uses: SecretUses = field(init=False)
    applications: Applications = field(init=False)
    live: Live = field(init=False)
    is_stopping: bool = False

    def __post_init__(self) -> None:
        self.http_metrics = HttpMetrics(self.registry)
        self.passwords = Passwords(self.settings.password_hash, self.registry)
        self.sessions = Sessions(self.engine, self.tokens, self.clock)
        self.secret_uses = SecretUses(self.queue, self.clock)
        self.applications = Applications(self.engine, self.secret_uses, self.clock)
        self.live = Live(
            self.settings,
            self.clock,
            self.engine,
            self.registry,
            on_broken=self.on_broken,
            on_change_of_rights=self._forget_rights,
        )

    @classmethod
    def build(cls, settings: Settings, clock: Clock, *, on_broken: Callable[[], None]) -> Self:
        """A node on its settings; nothing is connected yet."""
        return cls(
            settings=settings,
            clock=clock,
            engine=reader_engine(settings.database, settings.db_pool_size),
            queue=QueueClient(settings.queue_url, settings.queue_secret, clock, name=_name(settings)),
            units=EngineClient(settings.queue_url, settings.queue_secret),
            tokens=AccessTokens(SigningKeys.of(settings), ttl_s=settings.token_ttl_s, clock=clock),
            on_broken=on_broken,
        )

    @staticmethod
    def of(request: Request) -> "Node":
        """The node that serves this request."""
        node: Node = request.app.state.node
        return node

    def begin_stop(self) -> None:
        """Fail health checks from now on, and keep no unit waiting."""
        self.is_stopping = True
        self.units.begin_stop()

    async def start(self) -> None:
        await self.queue.start()
        await self.units.start()
        self.secret_uses.start()
        self.live.start()

    async def stop(self) -> None:
        """Wait for writes under way, close every connection."""
        self.begin_stop()
        await self.live.stop()
        await self.secret_uses.stop()
        await self.queue.close()
        await self.units.close()
        self.passwords.close()
        await self.engine.dispose()

    def _forget_rights(self, who: Concerned) -> None:
        self.sessions.forget_rights(who)
        self.applications.forget_rights(who)


def _name(settings: Settings) -> str:
    """What tells this node from others: the machine and its port."""
    return f"{socket.gethostname()}:{settings.api_port}".encode("ascii", "replace").decode()
