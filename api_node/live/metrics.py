"""What a node counts of its live events."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class LiveMetrics:
    """The instruments on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge("console_live_connections", "WebSockets open", registry=registry)
        self.is_following = Gauge("console_live_following", "1 while the event stream is heard", registry=registry)
        self.events = Counter("console_live_events", "Events sent to clients", registry=registry)
        self.gaps = Counter("console_live_gaps", "Times a client was told that it missed events", registry=registry)
        self.closed = Counter("console_live_closed", "WebSockets closed, by code", ["code"], registry=registry)
