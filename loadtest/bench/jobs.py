"""`python -m loadtest.bench.jobs` (make bench-jobs): jobs accepted and drained per second, beside what the driver alone
can insert.

    raw          rows of jobs by the driver, 1,000 a statement and commit; nothing else
    one          POST /api/v1/tasks at one node, 64 clients
    bulk         POST /api/v1/tasks/batch at one node, 500 a request, 4 clients
    drain-N      a unit that claims N at a time and reports them done in one call, 8 claims at once
    behind-N     the same with a backlog of so many more jobs of its type behind those that are drained

Exit status 1 when anything but the awaited success came back from anywhere.
"""

import asyncio
import itertools
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final, NoReturn

import aiohttp
import aiomysql
import aiosqlite
import typer
from sqlalchemy.engine import make_url

from loadtest.bench.surroundings import KINDS, clean, databases_of, machine_facts, one_of, say
from loadtest.bench.targets import Ready, Target, running
from loadtest.databases import Databases
from loadtest.memory import resident_mib
from loadtest.processes import ROOT, cpu_s_of
from shared.clock import SystemClock
from tools.generated import with_part

RESULTS: Final = ROOT / "loadtest/results"
PAGE: Final = "docs/performance.md"
CLAIMS: Final = (10, 100, 500)
CHUNK: Final = 500
ROWS_A_COMMIT: Final = 1_000
TYPE: Final = "BENCH"
_CLIENTS: Final = 64
_BATCHES_AT_ONCE: Final = 4
_CLAIMS_AT_ONCE: Final = 8
_LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)
_COLUMNS: Final = (
    *(
        "department_id",
        "name",
        "task_type",
        "queue",
        "config",
        "config_bytes",
        "status",
        "priority",
        "run_at",
        "max_attempts",
    ),
    *("backoff", "timeout_s", "labels", "tags", "attempt", "error_count", "crash_count", "version"),
    *("created_at", "updated_at"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: how many jobs a second, what each process spent on one, what the queue service held at the end,
    and after how long all processes served."""

    database: str
    what: str
    jobs_per_s: float
    cpu_us: dict[str, float]
    queue_mib: float
    start_s: float


def main(
    databases: Annotated[str, typer.Option(help="mysql, sqlite or both, separated by commas.")] = "mysql,sqlite",
    jobs: Annotated[int, typer.Option(help="Jobs of one measurement; a tenth where each is a request.", min=500)] = (
        20_000
    ),
    backlog: Annotated[int, typer.Option(help="Jobs that wait behind those that are drained; 0: none.", min=0)] = (
        1_000_000
    ),
    passes: Annotated[int, typer.Option(help="Interleaved passes, of which medians are taken.", min=1)] = 3,
    mysql_url: Annotated[
        str, typer.Option(envvar="BENCH_DATABASE_URL", help="A MySQL-family server instead of a private one.")
    ] = "",
    profile: Annotated[str, typer.Option(help="Processes (queue, api-1) to run under cProfile.")] = "",
    record: Annotated[bool, typer.Option("--record", help="Put the tables into docs/performance.md.")] = False,
    results: Annotated[Path, typer.Option(help="Folder of the results.")] = RESULTS,
) -> None:
    """Measure how many jobs a second are accepted and drained."""
    try:
        kinds = [one_of(name, KINDS) for name in databases.split(",")]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    signal.signal(signal.SIGTERM, _stop)
    folder = results / f"jobs-{SystemClock().now():%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True)
    say(f"results: {folder}")
    with tempfile.TemporaryDirectory(prefix=".work-", dir=folder) as work, ExitStack() as stack:
        facts = machine_facts(Path(work))
        facts["method"] = f"{passes} interleaved passes, medians; {jobs:,} jobs at a time, {jobs // 10:,} one by one"
        sources = [stack.enter_context(databases_of(kind, Path(work), mysql_url)) for kind in kinds]
        facts |= {source.kind: source.description for source in sources}
        samples = []
        bench = Bench(Path(work), folder, jobs, backlog, frozenset(profile.split(",")) - {""})
        for number in range(1, passes + 1):
            say(f"pass {number} of {passes}")
            for source in sources:
                for sample in bench.measured(source):
                    say(_line(sample))
                    samples.append(sample)
    text = markdown(samples, facts)
    (folder / "report.md").write_text(text)
    recorded = {"facts": facts, "samples": [asdict(sample) for sample in samples]}
    (folder / "samples.json").write_text(json.dumps(recorded, indent=1) + "\n")
    say(f"\n{text}")
    if record:
        with_part(PAGE, "jobs", f"\n{text}\n").write()
        say(f"recorded in {PAGE}")


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured on each database in each pass."""

    work: Path
    folder: Path
    jobs: int
    backlog: int
    profiled: frozenset[str]

    def measured(self, source: Databases) -> Iterator[Sample]:
        """Every measurement, each on a database of its own."""
        with source.fresh() as url:
            began = time.perf_counter()
            asyncio.run(insert_raw(url, self.jobs))
            yield Sample(source.kind, "raw", self.jobs / (time.perf_counter() - began), {}, 0.0, 0.0)
        yield from self._of(source, "one", lambda client: client.submit(self.jobs // 10), self.jobs // 10)
        yield from self._of(source, "bulk", lambda client: client.submit_bulk(self.jobs), self.jobs)
        for claims in CLAIMS:
            count = self.jobs // 4 if claims < CHUNK // 10 else self.jobs
            yield from self._of(source, f"drain-{claims}", _drain(count, claims), count, there=count)
        if self.backlog:
            what = f"behind-{self.backlog}"
            there = self.jobs + self.backlog
            yield from self._of(source, what, _drain(self.jobs, 100), self.jobs, there=there)

    def _of(
        self,
        source: Databases,
        what: str,
        work: "Callable[[Client], Awaitable[None]]",
        count: int,
        *,
        there: int = 0,
    ) -> Iterator[Sample]:
        """`there`: jobs that wait before the product starts."""
        own = self.work / f"{source.kind}-{what}"
        own.mkdir(exist_ok=True)
        with source.fresh() as url:
            if there:
                asyncio.run(insert_raw(url, there))
            began = time.perf_counter()
            with running(Target.named("node"), url, own, clean(os.environ), self.profiled) as ready:
                start_s = time.perf_counter() - began
                yield asyncio.run(_measured(ready, source, what, work, count, start_s))
        for profile in own.glob("*.prof"):
            kept = profile.rename(self.folder / f"{source.kind}-{what}-{profile.name}")
            say(f"profile: {sys.executable} -m pstats {kept}")


class Client:
    """Somebody who submits jobs, and the unit that runs them, at one node."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._numbers = itertools.count(1)

    async def submit(self, count: int) -> None:
        """One by one, many at once."""
        left = iter(range(count))

        async def one_after_the_other() -> None:
            for number in left:
                await self._ask("tasks", {"name": f"job {number}", "taskType": TYPE, "config": {"number": number}})

        await asyncio.gather(*(one_after_the_other() for _ in range(_CLIENTS)))

    async def submit_bulk(self, count: int) -> None:
        """In batches."""
        left = iter(range(0, count, CHUNK))

        async def one_after_the_other() -> None:
            for first in left:
                numbers = range(first, min(first + CHUNK, count))
                tasks = [{"name": f"job {n}", "taskType": TYPE, "config": {"number": n}} for n in numbers]
                results = (await self._ask("tasks/batch", {"tasks": tasks}))["results"]
                _require(all(result["status"] == 201 for result in results), results)

        await asyncio.gather(*(one_after_the_other() for _ in range(_BATCHES_AT_ONCE)))

    async def register(self) -> None:
        """As a unit that has room for whatever is asked for."""
        new = {"id": "bench", "unitType": TYPE, "unitName": "bench", "capacity": 10_000}
        await self._ask("execution-units/register", new)

    async def drain(self, count: int, claims: int) -> None:
        """Claim and complete so many jobs."""
        left = count

        async def one_claim_after_the_other() -> None:
            nonlocal left
            while left > 0:
                wanted = min(claims, left)
                left -= wanted
                wish = {"max": wanted, "waitS": 5, "claimId": f"claim-{next(self._numbers)}"}
                jobs = (await self._ask("execution-units/bench/claim", wish))["jobs"]
                _require(bool(jobs), "nothing to claim")
                left += wanted - len(jobs)
                fences = [{name: job[name] for name in ("taskId", "attempt", "leaseToken")} for job in jobs]
                reports = [fence | {"kind": "complete"} for fence in fences]
                results = (await self._ask("execution-units/bench/reports", {"reports": reports}))["results"]
                _require(all(result == {"status": 200} for result in results), results)

        await asyncio.gather(*(one_claim_after_the_other() for _ in range(_CLAIMS_AT_ONCE)))

    async def _ask(self, path: str, body: dict[str, Any]) -> Any:
        async with self._http.post(f"/api/v1/{path}", json=body) as response:
            _require(response.status in (200, 201), response.status)
            return (await response.json())["data"]


def _drain(count: int, claims: int) -> Callable[[Client], Awaitable[None]]:
    return lambda client: client.drain(count, claims)


async def _measured(
    ready: Ready,
    source: Databases,
    what: str,
    work: Callable[[Client], Awaitable[None]],
    count: int,
    start_s: float,
) -> Sample:
    pids = {process.name: process.pid for process in ready.processes}
    if source.pid is not None:
        pids["database"] = source.pid
    headers = {"Authorization": f"Bearer {ready.bearer}"}
    connector = aiohttp.TCPConnector(limit=_CLIENTS)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{ready.port}", headers=headers, connector=connector) as http:
        client = Client(http)
        await client.register()
        before, own_before = {name: cpu_s_of(pid) for name, pid in pids.items()}, time.process_time()
        began = time.perf_counter()
        await work(client)
        took = time.perf_counter() - began
    spent = {name: cpu_s_of(pid) - before[name] for name, pid in pids.items()}
    spent["client"] = time.process_time() - own_before
    cpu_us = {name: cpu_s * 1e6 / count for name, cpu_s in spent.items()}
    return Sample(source.kind, what, count / took, cpu_us, resident_mib(pids["queue"]) or 0.0, start_s)


async def insert_raw(url: str, count: int) -> None:
    """Waiting jobs by the driver alone, ROWS_A_COMMIT a statement and commit, and the row that counts them."""
    marker = "%s" if url.startswith("mysql") else "?"
    values = f"({', '.join([marker] * len(_COLUMNS))})"
    head = f"INSERT INTO job ({', '.join(_COLUMNS)}) VALUES "  # noqa: S608 - names of ours

    def rows(first: int) -> tuple[str, list[Any]]:
        numbers = range(first, min(first + ROWS_A_COMMIT, count))
        return head + ", ".join([values] * len(numbers)), [value for n in numbers for value in _row(n)]

    if url.startswith("mysql"):
        at = make_url(url)
        connection = await aiomysql.connect(
            host=at.host or "", port=at.port or 3306, user=at.username, password=at.password or "", db=at.database
        )
        async with connection.cursor() as cursor:
            for first in range(0, count, ROWS_A_COMMIT):
                await cursor.execute(*rows(first))
                await connection.commit()
            await cursor.execute(*_count_of(count))
            await connection.commit()
        connection.close()
        return
    async with aiosqlite.connect(url.removeprefix("sqlite:///")) as database:
        await database.execute("PRAGMA synchronous=FULL")
        for first in range(0, count, ROWS_A_COMMIT):
            await database.execute(*rows(first))
            await database.commit()
        await database.execute(*_count_of(count))
        await database.commit()


def _count_of(count: int) -> tuple[str, tuple[Any, ...]]:
    """Without it nobody would know that there are such jobs."""
    names = "department_id, queue, task_type, status, writer, jobs"
    return f"INSERT INTO job_count ({names}) VALUES (1, 'default', '{TYPE}', 'PENDING', 0, {count})", ()  # noqa: S608


def _row(number: int) -> tuple[Any, ...]:
    """In the order in which they are to run, as the product writes it."""
    run_at = (_LONG_AGO + timedelta(milliseconds=number)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    backoff = '{"type":"exponential","delayMs":1000,"maxMs":300000,"jitter":true}'
    config = f'{{"number":{number}}}'
    return (
        *(1, f"job {number}", TYPE, "default", config, len(config), "PENDING", 5, run_at, 3),
        *(backoff, 60, "{}", "[]", 0, 0, 0, 1, run_at, run_at),
    )


def markdown(samples: Sequence[Sample], facts: dict[str, Any]) -> str:
    """The report, without a heading: medians, and ratios against the driver alone."""
    parts = ["\n".join(f"- {name}: {value}" for name, value in facts.items())]
    for database in dict.fromkeys(sample.database for sample in samples):
        mine = [sample for sample in samples if sample.database == database]
        raw = median(sample.jobs_per_s for sample in mine if sample.what == "raw")
        lines = [
            f"**{database}**",
            "",
            "| what | jobs/s | lowest to highest | against raw | CPU us a job | queue service MiB | start s |",
            "|---|---|---|---|---|---|---|",
        ]
        for what in dict.fromkeys(sample.what for sample in mine):
            lines.append(_row_of([sample for sample in mine if sample.what == what], raw))
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _row_of(samples: Sequence[Sample], raw: float) -> str:
    rates = [sample.jobs_per_s for sample in samples]
    cpu = {name: median(sample.cpu_us[name] for sample in samples) for name in samples[0].cpu_us}
    return (
        f"| {samples[0].what} | {median(rates):,.0f} | {min(rates):,.0f} to {max(rates):,.0f} "
        f"| {median(rates) / raw:.2f}x | {_cpu(cpu)} | {median(sample.queue_mib for sample in samples):.0f} "
        f"| {median(sample.start_s for sample in samples):.1f} |"
    )


def _line(sample: Sample) -> str:
    return f"{sample.database:6} {sample.what:16} {sample.jobs_per_s:8,.0f} jobs/s  CPU us/job {_cpu(sample.cpu_us)}"


def _cpu(us_by_process: dict[str, float]) -> str:
    return ", ".join(f"{name} {us:.0f}" for name, us in us_by_process.items())


def _require(is_so: bool, what: object) -> None:
    if not is_so:
        raise SystemExit(f"these numbers are worth nothing: {what}")


def _stop(_signum: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    typer.run(main)
