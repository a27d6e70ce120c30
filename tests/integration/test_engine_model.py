"""The job engine against a plain model of it: whatever units, jobs, reports, beats, operations, leaders and clocks do
in whatever order, the rows are what the model says, and nobody is given a job that somebody else holds."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from queue_service.service import QueueService
from shared.errors import WrongState
from shared.job_commands import Beat, Claim, HeldLease
from shared.jobs import MAX_CRASHES, TERMINAL
from shared.settings import Settings
from tests.support.clocks import MovableClock
from tests.support.databases import Database
from tests.support.leading import vanish
from tests.support.writer import command, settings_for

CAPACITY = 3
_numbers = count()


@dataclass
class Job:
    """What ought to be in a row."""

    most: int
    status: str = "PENDING"
    attempt: int = 0
    errors: int = 0
    crashes: int = 0

    def crash(self) -> None:
        self.crashes += 1
        self.status = "FAILED" if self.crashes > MAX_CRASHES else "PENDING"


@dataclass(frozen=True)
class Lease:
    """What a unit was given once."""

    job_id: int
    attempt: int
    token: str
    unit: str


@dataclass
class Model:
    """Jobs by id, leases that run, and how each attempt that was reported ended."""

    jobs: dict[int, Job] = field(default_factory=dict)
    running: dict[int, Lease] = field(default_factory=dict)
    given: list[Lease] = field(default_factory=list)
    ended: dict[tuple[int, int], str] = field(default_factory=dict)
    to_cancel: dict[str, dict[int, Lease]] = field(default_factory=lambda: defaultdict(dict))

    def held_by(self, unit: str) -> list[Lease]:
        return [lease for lease in self.running.values() if lease.unit == unit]

    def lose(self, unit: str) -> None:
        """Its process is gone, or silent."""
        for lease in self.held_by(unit):
            del self.running[lease.job_id]
            self.jobs[lease.job_id].crash()
        self.to_cancel[unit].clear()

    def operate(self, job_id: int, operation: str) -> bool:
        """Whether it can be done; it is, then."""
        job = self.jobs[job_id]
        after = OPERATIONS[operation].get(job.status)
        if after is None:
            return False
        if job.status == "RUNNING":
            lease = self.running.pop(job_id)
            self.ended[job_id, lease.attempt] = operation
            self.to_cancel[lease.unit][job_id] = lease
        if operation == "retry":
            job.errors = job.crashes = 0
        job.status = after
        return True

    def hand_back(self, lease: Lease) -> None:
        """Its unit does not know of it: as if it had said so."""
        del self.running[lease.job_id]
        self.ended[lease.job_id, lease.attempt] = "release"
        self.jobs[lease.job_id].status = "PENDING"

    def report(self, lease: Lease, kind: str) -> dict[str, Any]:
        """What a unit is told that reports on an attempt it once had."""
        if self.running.get(lease.job_id) != lease:
            if self.ended.get((lease.job_id, lease.attempt)) == kind:
                return {"status": 200, "already": True}
            return {"status": 409, "errorCode": "stale_attempt"}
        del self.running[lease.job_id]
        self.ended[lease.job_id, lease.attempt] = kind
        job = self.jobs[lease.job_id]
        job.errors += kind == "fail"
        is_spent = kind == "fail" and job.errors >= job.most
        job.status = "COMPLETED" if kind == "complete" else "FAILED" if is_spent else "PENDING"
        return {"status": 200}


OPERATIONS = {
    "start": {"PENDING": "PENDING", "PAUSED": "PENDING"},
    "pause": {"PENDING": "PAUSED"},
    "resume": {"PAUSED": "PENDING"},
    "cancel": dict.fromkeys(("PENDING", "PAUSED", "RUNNING"), "CANCELLED"),
    "retry": dict.fromkeys(("COMPLETED", "FAILED", "CANCELLED"), "PENDING"),
}
few = st.integers(0, 3)
steps = st.one_of(
    st.tuples(st.just("submit"), few, few),
    st.tuples(st.just("claim"), few, few),
    st.tuples(st.sampled_from(["complete", "fail", "snooze", "release"]), st.integers(0, 9), few),
    st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 9), few),
    st.tuples(st.just("silence"), few, few),
    st.tuples(st.just("restart"), few, few),
    st.tuples(st.just("claim again"), st.integers(0, 9), few),
    st.tuples(st.sampled_from(["beat", "beat without one", "leader", "clock"]), few, few),
)
CRASHING = [("submit", 0, 0)] + [("claim", 0, 0), ("restart", 0, 0)] * (MAX_CRASHES + 1)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=st.lists(steps, min_size=1, max_size=14))
@example(plan=CRASHING)
@example(plan=[*CRASHING, ("retry", 0, 0), ("claim", 0, 0), ("restart", 0, 0), ("claim", 0, 0)])
@example(plan=[("submit", 1, 0), ("claim", 0, 1), ("cancel", 0, 0), ("beat", 0, 0), ("leader", 0, 0), ("beat", 0, 0)])
@example(plan=[("submit", 0, 0), ("claim", 0, 0), ("cancel", 0, 0), ("retry", 0, 0), ("claim", 0, 0), ("beat", 0, 0)])
@example(plan=[("submit", 2, 0), ("pause", 0, 0), ("leader", 0, 0), ("claim", 0, 2), ("resume", 0, 0), ("claim", 1, 0)])
@example(plan=[("submit", 0, 0), ("claim", 0, 0), ("silence", 0, 0), ("claim", 1, 0), ("complete", 0, 0)])
@example(plan=[("submit", 0, 1), ("claim", 0, 0), ("fail", 0, 0), ("claim", 0, 0), ("fail", 0, 0), ("fail", 1, 0)])
@example(
    plan=[("submit", 2, 1), ("claim", 0, 1), ("leader", 0, 0), ("complete", 0, 0), ("clock", 0, 0), ("fail", 1, 0)]
)
@example(plan=[("submit", 2, 1), ("claim", 0, 2), ("beat", 0, 0), ("beat without one", 0, 0), ("claim", 1, 2)])
@example(plan=[("submit", 0, 1), ("claim", 0, 0), ("beat without one", 0, 0), ("release", 0, 0), ("complete", 0, 0)])
async def test_rows_and_answers_are_what_a_plain_model_says(
    plan: list[tuple[str, int, int]], led: "Led", database: Database
) -> None:
    run = Run(led, database, f"T{next(_numbers)}")
    for name in run.units:
        await run.register(name)
    for kind, one, other in plan:
        await run.step(kind, one, other)
        run.require_stored()
    await run.drain()


class Led:
    """A queue service in this process, which may be killed for another one."""

    def __init__(self, settings: Settings) -> None:
        self.clock = MovableClock()
        self._settings = settings

    async def start(self) -> None:
        self.service = QueueService(self._settings, self.clock, on_deposed=lambda: None)
        await self.service.start()

    async def change(self) -> None:
        await vanish(self.service)
        await self.start()


@pytest.fixture
async def led(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Led]:
    monkeypatch.setattr("queue_service.engine.live.DELIVERY_S", 0.0)
    led = Led(settings_for(database, tmp_path))
    await led.start()
    yield led
    await led.service.stop()


class Run:
    """One example: a type of job and two units of its own, in a service that others use, too."""

    def __init__(self, led: Led, database: Database, task_type: str) -> None:
        self.led, self.database, self.task_type = led, database, task_type
        self.model = Model()
        self.units = [f"{task_type}-a", f"{task_type}-b"]
        self.claims: list[tuple[str, str]] = []
        self.nonces = dict.fromkeys(self.units, 0)

    @property
    def service(self) -> QueueService:
        return self.led.service

    async def register(self, name: str) -> None:
        self.nonces[name] += 1
        unit = {"id": name, "unitType": self.task_type, "unitName": "a unit", "capacity": CAPACITY}
        await self.service.intake.submit(command("register-unit", unit | {"bootNonce": f"n{self.nonces[name]}"}))

    async def step(self, kind: str, one: int, other: int) -> None:
        unit = self.units[one % 2]
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "submit": lambda: self.submit(one + 1, other + 1),
            "claim": lambda: self.claim(unit, other + 1),
            "claim again": lambda: self.claim_again(one),
            "beat": lambda: self.beat(unit),
            "beat without one": lambda: self.beat(unit, leave_out=1),
            "silence": lambda: self.fall_silent(unit),
            "restart": lambda: self.restart(unit),
            "leader": self.change_the_leader,
            "clock": lambda: self.set_the_clock(timedelta(hours=one + 1)),
        }
        steps |= {name: partial(self.operate, one, name) for name in OPERATIONS}
        await steps.get(kind, lambda: self.report(kind, one))()

    async def fall_silent(self, unit: str) -> None:
        self.service.engine._units[1, unit].beat_at = float("-inf")
        await self.service.engine.tick()
        self.model.lose(unit)
        await self.register(unit)

    async def restart(self, unit: str) -> None:
        await self.register(unit)
        await self.service.engine.tick()
        self.model.lose(unit)

    async def change_the_leader(self) -> None:
        await self.led.change()
        self.model.to_cancel.clear()

    async def operate(self, which: int, operation: str) -> None:
        if not self.model.jobs:
            return
        job_id = sorted(self.model.jobs)[which % len(self.model.jobs)]
        can_be = self.model.operate(job_id, operation)
        asked = command("operate-job", {"taskId": job_id, "operation": operation})
        if can_be:
            await self.service.intake.submit(asked)
        else:
            with pytest.raises(WrongState):
                await self.service.intake.submit(asked)

    async def set_the_clock(self, by: timedelta) -> None:
        self.led.clock.jump(by)
        await self.service.engine.tick()

    async def beat(self, unit: str, leave_out: int = 0) -> None:
        """Name what is held, but for so many, what was held when it was cancelled, and something that never was."""
        held, cancelled = self.model.held_by(unit), self.model.to_cancel[unit]
        named = held[: len(held) - leave_out]
        leases = [HeldLease(taskId=lease.job_id, attempt=lease.attempt) for lease in [*named, *cancelled.values()]]
        strange = HeldLease(taskId=2**40, attempt=1)
        said = self.service.engine.beat((1, unit), Beat(currentLoad=0, leases=[*leases, strange]))
        assert said == {"cancel": sorted(cancelled), "lost": [2**40], "drain": False}
        await self.service.engine.tick()
        for lease in held[len(named) :]:
            self.model.hand_back(lease)

    async def submit(self, jobs: int, most: int) -> None:
        new = {"name": "a job", "taskType": self.task_type, "maxAttempts": most}
        answer = await self.service.intake.submit(command("submit-jobs", {"jobs": [new] * jobs}))
        self.model.jobs |= {job_id: Job(most) for job_id in answer.data["ids"]}

    async def claim(self, unit: str, most: int) -> int:
        self.claims.append((unit, f"c{next(_numbers)}"))
        granted = await self.service.engine.claim((1, unit), Claim(max=most, claimId=self.claims[-1][1]))
        waiting = [job_id for job_id, job in self.model.jobs.items() if job.status == "PENDING"]
        room = 2 * CAPACITY - len(self.model.held_by(unit))
        assert len(granted) == min(most, len(waiting), room)
        for job in granted:
            known = self.model.jobs[job.id]
            known.attempt += 1
            assert (known.status, known.attempt) == ("PENDING", job.attempt)
            self.note(job, unit)
        return len(granted)

    def note(self, job: Any, unit: str) -> None:
        lease = Lease(job.id, job.attempt, job.lease_token or "", unit)
        self.model.jobs[job.id].status = "RUNNING"
        self.model.given.append(lease)
        self.model.running[job.id] = lease
        self.model.to_cancel[unit].pop(job.id, None)

    async def claim_again(self, which: int) -> None:
        if self.claims:
            unit, claim_id = self.claims[which % len(self.claims)]
            again = await self.service.engine.claim((1, unit), Claim(max=1, claimId=claim_id))
            held = {(lease.job_id, lease.attempt) for lease in self.model.held_by(unit)}
            for job in again:
                if (job.id, job.attempt) not in held:
                    # a claim that got nothing the first time, or whose grants are forgotten, is a new one
                    known = self.model.jobs[job.id]
                    assert (known.status, known.attempt + 1) == ("PENDING", job.attempt)
                    known.attempt = job.attempt
                    self.note(job, unit)

    async def report(self, kind: str, which: int) -> None:
        if not self.model.given:
            return
        lease = self.model.given[which % len(self.model.given)]
        said = {"taskId": lease.job_id, "attempt": lease.attempt, "leaseToken": lease.token, "kind": kind}
        more = {"retryInMs": 0} if kind == "fail" else {}
        reports = {"unitId": lease.unit, "reports": [said | more]}
        answer = await self.service.intake.submit(command("report-jobs", reports))
        assert answer.data["results"] == [self.model.report(lease, kind)]

    def require_stored(self) -> None:
        rows = self.database.rows(
            "SELECT id, status, attempt, error_count, crash_count FROM job WHERE task_type = :type",
            type=self.task_type,
        )
        wanted = {i: (job.status, job.attempt, job.errors, job.crashes) for i, job in self.model.jobs.items()}
        assert {row[0]: tuple(row[1:]) for row in rows} == wanted
        counted = self.database.rows(
            "SELECT status, SUM(jobs) FROM job_count WHERE task_type = :type GROUP BY status", type=self.task_type
        )
        there = Counter(job.status for job in self.model.jobs.values())
        assert +Counter({status: int(jobs) for status, jobs in counted}) == there

    async def drain(self) -> None:
        """Nothing is stuck: a unit that works brings every job to its end."""
        for which, job_id in enumerate(sorted(self.model.jobs)):
            if self.model.jobs[job_id].status == "PAUSED":
                await self.operate(which, "resume")
        for unit in self.units:
            for lease in self.model.held_by(unit):
                await self.report("complete", self.model.given.index(lease))
        while await self.claim(self.units[0], 3):
            for lease in self.model.held_by(self.units[0]):
                await self.report("complete", self.model.given.index(lease))
        self.require_stored()
        assert {job.status for job in self.model.jobs.values()} <= TERMINAL
