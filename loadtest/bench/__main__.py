"""`python -m loadtest.bench` (make bench): the product and a naive reference, measured side by side in one run.

Exit status 1 when anything but the awaited success came back from anywhere.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from loadtest.bench import report
from loadtest.bench.measure import Sample, measure
from loadtest.bench.surroundings import KINDS, clean, databases_of, machine_facts, one_of, say
from loadtest.bench.targets import Ready, Target, running
from loadtest.databases import Databases
from loadtest.processes import ROOT, start
from shared.clock import SystemClock
from tests.support.loopback import free_port
from tools.generated import with_part

RESULTS: Final = ROOT / "loadtest/results"
TARGETS: Final = "edge,node,queue-10,queue-100,naive,lean"
PAGE: Final = "docs/performance.md"


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure. `seconds` is the length of one measurement, without its warm-up."""

    databases: tuple[str, ...]
    targets: tuple[Target, ...]
    connections: tuple[int, ...]
    passes: int
    seconds: float
    mysql_url: str
    profiled: frozenset[str]


def main(
    databases: Annotated[str, typer.Option(help="mysql, sqlite or both, separated by commas.")] = "mysql,sqlite",
    targets: Annotated[
        str, typer.Option(help="edge, node, queue, naive, lean; edge-100 for batches of 100.")
    ] = TARGETS,
    connections: Annotated[str, typer.Option(help="Numbers of connections.")] = "1,16,64,256",
    passes: Annotated[int, typer.Option(help="Interleaved passes, of which medians are taken.", min=1)] = 3,
    seconds: Annotated[float, typer.Option(help="Length of one measurement.", min=0.1)] = 4.0,
    quick: Annotated[bool, typer.Option("--quick", help="One pass of 3 s at 64 connections.")] = False,
    mysql_url: Annotated[
        str, typer.Option(envvar="BENCH_DATABASE_URL", help="A MySQL-family server instead of a private one.")
    ] = "",
    profile: Annotated[
        str,
        typer.Option(help="Processes (queue, api-1, api-2, naive, lean) to run under cProfile; it slows them down."),
    ] = "",
    record: Annotated[bool, typer.Option("--record", help="Put the tables into docs/performance.md.")] = False,
    results: Annotated[Path, typer.Option(help="Folder of the results.")] = RESULTS,
) -> None:
    """Measure writes per second and latencies of the product and of a naive reference, side by side."""
    if quick:
        passes, seconds, connections = 1, 3.0, "64"
    try:
        options = Options(
            databases=tuple(one_of(name, KINDS) for name in databases.split(",")),
            targets=tuple(Target.named(name) for name in targets.split(",")),
            connections=tuple(int(number) for number in connections.split(",")),
            passes=passes,
            seconds=seconds,
            mysql_url=mysql_url,
            profiled=frozenset(profile.split(",")) - {""},
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    signal.signal(signal.SIGTERM, _stop)
    folder = results / f"bench-{SystemClock().now():%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True)
    status = run(options, folder)
    if record and status == 0:
        with_part(PAGE, "bench", f"\n{(folder / 'report.md').read_text()}\n").write()
        say(f"recorded in {PAGE}")
    raise typer.Exit(status)


def run(options: Options, folder: Path) -> int:
    """Measure and write `report.md`, `samples.json` and, of profiled processes, their profiles; the exit status."""
    say(f"results: {folder}")
    with tempfile.TemporaryDirectory(prefix=".work-", dir=folder) as work:
        facts = _facts(Path(work), options)
        samples = list(_samples(options, Path(work), folder, facts))
    text = report.markdown(samples, facts)
    (folder / "report.md").write_text(text)
    recorded = {"facts": facts, "samples": [asdict(sample) for sample in samples]}
    (folder / "samples.json").write_text(json.dumps(recorded, indent=1) + "\n")
    say(f"\n{text}")
    failures = sum(sample.measured.failures for sample in samples)
    if failures:
        say(f"{failures} FAILURES: these numbers are worth nothing (the first of each is above)")
    return 1 if failures else 0


def _samples(options: Options, work: Path, folder: Path, facts: dict[str, Any]) -> Iterator[Sample]:
    with ExitStack() as stack:
        sources = [stack.enter_context(databases_of(kind, work, options.mysql_url)) for kind in options.databases]
        for source in sources:
            facts[source.kind] = source.description
        for number in range(1, options.passes + 1):
            say(f"pass {number} of {options.passes}")
            for source in sources:
                for target in options.targets:
                    yield from _of_target(options, source, target, work, folder)


def _of_target(options: Options, source: Databases, target: Target, work: Path, folder: Path) -> Iterator[Sample]:
    own = work / target.name
    own.mkdir()
    with source.fresh() as url, running(target, url, own, clean(os.environ), options.profiled) as ready:
        for connections in options.connections:
            yield _told(
                measure(
                    ready,
                    source.kind,
                    target.name,
                    connections,
                    seconds=options.seconds,
                    database_pid=source.pid,
                )
            )
    for profile in own.glob("*.prof"):
        kept = profile.rename(folder / f"{source.kind}-{target.name}-{profile.name}")
        say(f"profile: {sys.executable} -m pstats {kept}")
    shutil.rmtree(own)


def _facts(work: Path, options: Options) -> dict[str, Any]:
    facts = machine_facts(work) | {
        "method": f"{options.passes} interleaved passes, {options.seconds:g} s each after a warm-up, medians; "
        "a third creates, two thirds version-checked updates",
        "the client's own ceiling": f"{_ceiling(work, options):,.0f} writes/s at 64 connections",
    }
    for name, value in facts.items():
        say(f"{name}: {value}")
    return facts


def _ceiling(work: Path, options: Options) -> float:
    port = free_port()
    server = start("ceiling", (sys.executable, "-m", "loadtest.bench.ceiling", str(port)), clean(os.environ), work)
    try:
        server.wait_until_healthy(port)
        sample = measure(
            Ready(port, "api", "nobody", 1, (server,)),
            "none",
            "ceiling",
            64,
            seconds=min(options.seconds, 2.0),
            database_pid=None,
        )
    finally:
        server.stop()
    if sample.measured.failures:
        raise RuntimeError(sample.measured.first_failure)
    return sample.measured.writes_per_s


def _told(sample: Sample) -> Sample:
    say(report.line(sample))
    return sample


def _stop(_signum: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    typer.run(main)
