"""From samples to tables: medians over the passes, ratios against the naive reference, goals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from loadtest.bench.measure import Sample

REFERENCE: Final = "naive"
GOAL_CONNECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Row:
    """Medians of one target at one number of connections; `spread` is the lowest and highest rate of a pass.

    Ratios are against the reference at the same number of connections; None without one.
    """

    database: str
    connections: int
    target: str
    writes_per_s: float
    spread: tuple[float, float]
    p50_ms: float
    p99_ms: float
    rate_ratio: float | None
    p99_ratio: float | None
    cpu_us: Mapping[str, float]
    others: float
    failures: int


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio at 64 connections should reach; `floor` is what it must not fall short of."""

    database: str
    target: str
    what: str
    goal: float
    floor: float | None
    higher_is_better: bool = True


GOALS: Final = (
    Goal("mysql", "queue-10", "writes/s", 1.5, 1.2),
    Goal("mysql", "queue-100", "writes/s", 2.0, 1.8),
    Goal("mysql", "queue-10", "p99", 0.3, None, higher_is_better=False),
    Goal("mysql", "edge", "writes/s", 1.0, 0.7),
    Goal("sqlite", "queue-10", "writes/s", 0.9, None),
)
LONE_WRITER_P50_MS: Final = 10.0


def rows(samples: Sequence[Sample]) -> list[Row]:
    """One row for each target at each number of connections, in the order of the samples."""
    groups: dict[tuple[str, int, str], list[Sample]] = {}
    for sample in sorted(samples, key=lambda s: (s.database, s.connections)):
        groups.setdefault((sample.database, sample.connections, sample.target), []).append(sample)
    return [_row(groups, *key) for key in groups]


def markdown(samples: Sequence[Sample], facts: Mapping[str, Any]) -> str:
    """The whole report, without a heading."""
    found = rows(samples)
    parts = [_facts(facts), _goals(found)]
    parts += [_table(database, found) for database in dict.fromkeys(row.database for row in found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def line(sample: Sample) -> str:
    """One sample on one line, for the terminal."""
    of = sample.measured
    said = (
        f"{sample.database:6} {sample.connections:4} conn  {sample.target:10} {of.writes_per_s:7.0f} writes/s"
        f"  p50 {of.p50_ms:7.2f} ms  p99 {of.p99_ms:7.2f} ms  others {sample.others:4.0%}"
        f"  CPU us/write {_cpu(sample.cpu_us)}"
    )
    return said + (f"  {of.failures} FAILURES: {of.first_failure}" if of.failures else "")


def _row(groups: Mapping[tuple[str, int, str], Sequence[Sample]], database: str, connections: int, target: str) -> Row:
    group = groups[database, connections, target]
    reference = groups.get((database, connections, REFERENCE))
    return Row(
        database=database,
        connections=connections,
        target=target,
        writes_per_s=_rate(group),
        spread=(min(s.measured.writes_per_s for s in group), max(s.measured.writes_per_s for s in group)),
        p50_ms=median(s.measured.p50_ms for s in group),
        p99_ms=_p99(group),
        rate_ratio=_rate(group) / _rate(reference) if reference else None,
        p99_ratio=_p99(group) / _p99(reference) if reference else None,
        cpu_us={name: median(s.cpu_us[name] for s in group) for name in group[0].cpu_us},
        others=median(s.others for s in group),
        failures=sum(s.measured.failures for s in group),
    )


def _rate(group: Sequence[Sample]) -> float:
    return median(s.measured.writes_per_s for s in group)


def _p99(group: Sequence[Sample]) -> float:
    return median(s.measured.p99_ms for s in group)


def _facts(facts: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _goals(found: Sequence[Row]) -> str:
    lines = list(_goal_lines({(r.database, r.connections, r.target): r for r in found}))
    if not lines:
        return ""
    head = "| goal | wanted | floor | measured | |\n|---|---|---|---|---|"
    return "\n".join([head, *lines])


def _goal_lines(by_key: Mapping[tuple[str, int, str], Row]) -> Iterator[str]:
    for goal in GOALS:
        row = by_key.get((goal.database, GOAL_CONNECTIONS, goal.target))
        ratio = (row.rate_ratio if goal.what == "writes/s" else row.p99_ratio) if row else None
        if ratio is None:
            continue
        sign = ">=" if goal.higher_is_better else "<="
        floor = f"{sign} {goal.floor}x" if goal.floor is not None else ""
        what = f"{goal.database}: {goal.what} of {goal.target} against {REFERENCE}, {GOAL_CONNECTIONS} connections"
        yield f"| {what} | {sign} {goal.goal}x | {floor} | {ratio:.2f}x | {_verdict(goal, ratio)} |"
    for (database, connections, target), row in by_key.items():
        if connections == 1 and target == "edge":
            verdict = "reached" if row.p50_ms < LONE_WRITER_P50_MS else "MISSED"
            yield f"| {database}: p50 of a lone writer through the edge | < 10 ms | | {row.p50_ms:.1f} ms | {verdict} |"


def _verdict(goal: Goal, ratio: float) -> str:
    def reaches(wanted: float) -> bool:
        return ratio >= wanted if goal.higher_is_better else ratio <= wanted

    if reaches(goal.goal):
        return "reached"
    return "above the floor" if goal.floor is not None and reaches(goal.floor) else "MISSED"


def _table(database: str, found: Sequence[Row]) -> str:
    lines = [
        f"**{database}**",
        "",
        "| connections | target | writes/s | lowest to highest | p50 ms | p99 ms | writes/s ratio | p99 ratio "
        "| others' CPU | CPU us a write | failures |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        if row.database == database:
            lines.append(
                f"| {row.connections} | {row.target} | {row.writes_per_s:,.0f} "
                f"| {row.spread[0]:,.0f} to {row.spread[1]:,.0f} | {row.p50_ms:.1f} | {row.p99_ms:.1f} "
                f"| {_ratio(row.rate_ratio)} | {_ratio(row.p99_ratio)} "
                f"| {row.others:.0%} | {_cpu(row.cpu_us)} | {row.failures} |"
            )
    return "\n".join(lines)


def _cpu(us_by_process: Mapping[str, float]) -> str:
    """The sum without the client, and what it is made of."""
    served = sum(us for name, us in us_by_process.items() if name != "client")
    return f"{served:.0f}: " + ", ".join(f"{name} {us:.0f}" for name, us in us_by_process.items())


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}x"
