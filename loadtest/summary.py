"""What a run of `make load` came to, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.memory import Held


def markdown(outcome: Mapping[str, Any], facts: Mapping[str, str], held: Mapping[str, Held]) -> str:
    """The summary of one run. `outcome` is what the locust file wrote: `{total, requests, refusals, errors}`."""
    parts = [
        "# Load test",
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
        _requests([*outcome["requests"], outcome["total"] | {"request": "all"}]),
        _refusals(outcome["refusals"]),
        _failures(outcome["errors"]),
        _memory(held),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def failures(outcome: Mapping[str, Any]) -> int:
    """How many requests had an answer that nothing documents, or none."""
    return int(outcome["total"]["failures"])


def _requests(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| request | count | per second | p50 ms | p95 ms | p99 ms | max ms | failures |", "|---" * 8 + "|"]
    lines += [
        f"| {r['request']} | {r['count']:,} | {r['perSecond']:.1f} | {r['p50Ms'] or 0:.0f} | {r['p95Ms'] or 0:.0f} "
        f"| {r['p99Ms'] or 0:.0f} | {r['maxMs']:.0f} | {r['failures']} |"
        for r in rows
    ]
    return "## Requests\n\n" + "\n".join(lines)


def _refusals(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "## Documented refusals\n\nNone."
    lines = [f"| {row['request']} | `{row['code']}` | {row['count']:,} |" for row in rows]
    return "## Documented refusals\n\n| request | error code | count |\n|---|---|---|\n" + "\n".join(lines)


def _failures(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "## Failures\n\nNone."
    lines = [f"| {row['request']} | {str(row['error']).replace('|', '/')[:300]} | {row['count']:,} |" for row in rows]
    return "## Failures\n\n| request | what came | count |\n|---|---|---|\n" + "\n".join(lines)


def _memory(held: Mapping[str, Held]) -> str:
    if not held:
        return ""
    lines = [
        f"| {name} | {h.early:.0f} | {h.late:.0f} | {h.most:.0f} | {'flat' if h.is_flat else 'GROWING'} |"
        for name, h in held.items()
    ]
    head = "| process | second quarter | last quarter | most | |\n|---|---|---|---|---|\n"
    return "## Memory, MiB resident (medians)\n\n" + head + "\n".join(lines)
