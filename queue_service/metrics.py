"""What the queue service counts: for Prometheus at `/metrics`, and the same numbers for the status endpoint."""

from collections import deque
from dataclasses import dataclass, field
from statistics import quantiles

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_RECENT = 1_000
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(slots=True)
class WriterMetrics:
    """The writer's instruments on one registry."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    batch_size: Histogram = field(init=False)
    commit_seconds: Histogram = field(init=False)
    replay_count: int = 0
    split_count: int = 0
    _replays: Counter = field(init=False)
    _splits: Counter = field(init=False)
    faults: Counter = field(init=False)
    _commands: Counter = field(init=False)
    waiting: Gauge = field(init=False)
    recent: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    # finding a labelled child costs more than counting on it
    _by_outcome: dict[tuple[str, str], Counter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        on = self.registry
        self.batch_size = Histogram("console_batch_commands", "Commands in a batch", buckets=_SIZES, registry=on)
        self.commit_seconds = Histogram("console_commit_seconds", "Batch transaction", buckets=_SECONDS, registry=on)
        self._replays = Counter("console_batch_replays", "Batches rolled back and replayed", registry=on)
        self._splits = Counter("console_batch_splits", "Batches split to isolate a command", registry=on)
        self.faults = Counter("console_database_faults", "Failed transactions by kind", ["kind"], registry=on)
        self._commands = Counter(
            "console_commands", "Commands answered, by type and code", ["type", "code"], registry=on
        )
        self.waiting = Gauge("console_commands_waiting", "Commands accepted and not yet answered", registry=on)

    def note_command(self, kind: str, code: str) -> None:
        """Count one answered command. Both words must be of few: each pair is kept."""
        found = self._by_outcome.get((kind, code))
        if found is None:
            found = self._by_outcome[kind, code] = self._commands.labels(kind, code)
        found.inc()

    def observe_commit(self, commands: int, seconds: float) -> None:
        """Note one committed batch."""
        self.batch_size.observe(commands)
        self.commit_seconds.observe(seconds)
        self.recent.append((commands, seconds))

    def note_replay(self) -> None:
        self.replay_count += 1
        self._replays.inc()

    def note_split(self) -> None:
        self.split_count += 1
        self._splits.inc()

    def recent_batches(self) -> dict[str, float | int | None]:
        """Mean and largest batch, and commit latency in milliseconds, over the last thousand batches."""
        if not self.recent:
            return {"count": 0, "meanSize": None, "largest": None, "commitP50Ms": None, "commitP99Ms": None}
        sizes = [size for size, _ in self.recent]
        seconds = [s for _, s in self.recent]
        cuts = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else [seconds[0]] * 99
        return {
            "count": len(sizes),
            "meanSize": round(sum(sizes) / len(sizes), 2),
            "largest": max(sizes),
            "commitP50Ms": round(cuts[49] * 1000, 2),
            "commitP99Ms": round(cuts[98] * 1000, 2),
        }
