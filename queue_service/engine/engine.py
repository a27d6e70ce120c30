"""Who gets which job, and when an attempt has lasted long enough. Everything it decides is a command in the engine's
lane; everything it knows, it knows from what was committed.

    committed   a batch changed jobs or units: the index follows
    doubted     a COMMIT may have changed some: the index is read again
    claim       a unit waits for jobs; the best ones of its types are leased to it in one command
    prepare     a job is about to be submitted while a unit waits for its like: it is leased as it is inserted
    beat        a unit lives
    tick        units that went silent, attempts that took too long, jobs that became due
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, count
from typing import Any, Final

from queue_service.commands.leases import NOTED, holds
from queue_service.domain.command import Answer, Command, Slot
from queue_service.domain.jobs import brief
from queue_service.domain.workingset import Change
from queue_service.engine.backlog import Backlog
from queue_service.engine.endings import Endings
from queue_service.engine.flow import Flow
from queue_service.engine.index import PartitionKey, ReadyIndex
from queue_service.engine.lines import Lines
from queue_service.engine.live import Lease, LiveUnit, Waiting
from queue_service.store import counts, job_records, jobs, queues
from queue_service.store.aggregates import JOBS
from queue_service.store.faults import DatabaseFault
from queue_service.store.session import Session, Transaction
from shared.clock import Clock
from shared.commands import CommandData
from shared.errors import Conflict, ConsoleError, DatabaseUnavailable, NotFound, ShuttingDown, Unavailable
from shared.ids import fresh_id
from shared.job_commands import (
    MAX_JOBS_A_COMMAND,
    Beat,
    Claim,
    LostLease,
    NewJob,
    NewJobs,
    NewLeases,
    Reports,
    Settlement,
    UnitState,
)
from shared.jobs import TERMINAL, Job, is_by_hand
from shared.jsonio import loads
from shared.queues import Allowance, Queue, QueueKey
from shared.units import ExecutionUnit, Outlook, UnitKey

TICK_S: Final = 1.0
SOONEST_S: Final = 0.002
"""The shortest rest between two looks at the time, whatever is due."""

MOST_KNOWN: Final = 20_000
"""Running jobs whose rows are kept, without what may be large, so that they need not be read to be ended."""

Accept = Callable[[Command], "asyncio.Future[Answer]"]


class Engine:
    """One leader's. All calls come from one event loop. `accept` is the intake's; `session` is for reading."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._accept: Accept | None = None
        self.endings = Endings(session)
        self._index = ReadyIndex()
        self._backlog = Backlog(session, clock, self._index, self._dispatch)
        self._lines = Lines()
        self._flow = Flow(clock.monotonic())
        self._units: dict[UnitKey, LiveUnit] = {}
        self._orphans: dict[int, Lease] = {}
        self._to_release: dict[int, Lease] = {}
        self._restarted: dict[int, Lease] = {}
        self._by_hand: dict[int, Lease] = {}
        self._offers: dict[str, Waiting] = {}
        self._ended_meanwhile: set[tuple[int, int]] | None = None
        self._next_lapse: datetime | None = None
        self._is_in_doubt = False
        self._is_certain = True
        self._is_closed = False
        self._running: dict[int, Job] = {}
        self._numbers = count()
        self._waking: asyncio.TimerHandle | None = None

    def open(self, accept: Accept) -> None:
        """Commands go there from now on."""
        self._accept = accept

    async def load(self, tx: Transaction) -> None:
        """Take over what the leader before this one left: each lease begins anew."""
        ended: set[tuple[int, int]] = set()
        self._ended_meanwhile = ended
        try:
            await self._load(tx, ended)
        finally:
            self._ended_meanwhile = None

    async def _load(self, tx: Transaction, ended: set[tuple[int, int]]) -> None:
        await self._load_units(tx)
        set_up = await queues.read_all(tx)
        self._lines.load(set_up, await counts.lines(tx))
        since = self._clock.monotonic()
        starts = await queues.starts(tx, set_up, self._clock.now())
        self._lines.load_starts(starts, self._clock.now(), self._clock.monotonic(), since)
        held_before = {job_id: lease for live in self._units.values() for job_id, lease in live.held.items()}
        by_hand_before = dict(self._by_hand)
        running = await jobs.running(tx)
        known = {job.id for job in running}
        # what was leased while they were read is not among them
        for live in self._units.values():
            live.held = _still(live.held, held_before, known)
        self._by_hand = _still(self._by_hand, by_hand_before, known)
        for job in running:
            if (job.id, job.attempt) not in ended:
                self._note_lease(job)
        self.endings.tell_all()
        self._note_lapse(self._clock.now())  # what is over already, and what will be, is looked for by the next tick

    async def _load_units(self, tx: Transaction) -> None:
        """What was committed while they were read is newer than what was read."""
        now = self._clock.monotonic()
        before = set(self._units)
        found = {unit.key: unit for unit in await jobs.units(tx)}
        for key, unit in found.items():
            live = self._units.get(key)
            if live is not None and unit.version > live.unit.version:
                self._follow_unit(live.unit, unit)
            elif live is None and key not in before:
                # one that was silent before has to beat first
                self._units[key] = LiveUnit(unit, now if unit.status != "OFFLINE" else float("-inf"))
        for key in before - found.keys():
            self._forget_unit(key)

    # What was committed

    def committed(self, changes: Iterable[Change]) -> None:
        """Follow what a batch changed."""
        now = self._clock.now()
        is_news = False
        arrived: Counter[QueueKey] = Counter()
        ended: Counter[QueueKey] = Counter()
        for change in changes:
            match change.after:
                case Job() as job:
                    self._follow_job(change.before, job)
                    if change.before is None:
                        arrived[job.department_id, job.queue] += 1
                    if job.status in TERMINAL:
                        ended[job.department_id, job.queue] += 1
                    else:
                        self._note_lapse(job.lapses_at)
                    if job.status == "PENDING":
                        self._lines.note(job)
                        self._index.offer(job, now)
                    is_news = True
                case Queue() as queue:
                    self._lines.follow(queue)
                    is_news = True
                case ExecutionUnit() as unit:
                    self._follow_unit(change.before, unit)
                    is_news = True
                case _:
                    pass
        if is_news:
            self._flow.note(arrived, ended, self._clock.monotonic())
            self._dispatch()

    def known(self, commands: Iterable[Command]) -> dict[int, Job]:
        """The jobs that are leased or reported on, as they were last committed: of those reports alone that hold the
        fence, for a refusal is judged by the row itself. Such jobs will be changed, so that the guard of their versions
        says whether this was true."""
        found: dict[int, Job] = {}
        for command in commands:
            match command.data:
                case Reports() as data:
                    # what leaves the row as it is has no guard: it is judged by the row, which is held
                    held = {report.taskId for report in data.reports if report.kind in NOTED}
                    for report in data.reports:
                        job = None if report.taskId in held else self._running.get(report.taskId)
                        if job is not None and holds(job, data.unitId, report):
                            found[job.id] = job
                case NewLeases() as data:
                    whole = ((job_id, self._index.on_their_way.get(job_id)) for job_id in data.jobIds)
                    found |= {job_id: job for job_id, job in whole if job is not None}
                case _:
                    pass
        return found

    def doubted(self) -> None:
        """A COMMIT was sent and not answered: what it changed is read again."""
        self._is_in_doubt, self._is_certain = True, False
        self._running.clear()
        self._index.doubt()

    def _follow_job(self, before: object, job: Job) -> None:
        if job.status != "RUNNING" and (offered := self._offers.get(job.lease_token or "")) is not None:
            offered.ended.add(job.id)  # leased and ended by one and the same batch: nobody is to be given it
        if job.status in TERMINAL:
            self.endings.tell(job.id)
        self._index.forget(job)
        self._running.pop(job.id, None)
        is_over = job.status != "RUNNING" or (isinstance(before, Job) and before.attempt != job.attempt)
        if isinstance(before, Job) and before.status == "RUNNING" and is_over:
            self._forget_lease(before)
            if job.status == "CANCELLED" and (holder := self._holder(before)) is not None:
                holder.cancelled[job.id] = self._clock.monotonic()
        if job.status == "RUNNING":
            if not (isinstance(before, Job) and before.attempt == job.attempt) and not is_by_hand(job):
                self._lines.note_start(job, self._clock.monotonic())
            self._note_lease(job)
            if len(self._running) < MOST_KNOWN:
                self._running[job.id] = brief(job)
            waiting = self._offers.get(job.lease_token or "")
            if waiting is not None and not (isinstance(before, Job) and before.status == "RUNNING"):
                waiting.granted.append(job)

    def _note_lease(self, job: Job) -> None:
        holder = self._holder(job)
        held = self._without_unit(job) if holder is None else holder.held
        if holder is not None:
            holder.cancelled.pop(job.id, None)
        known = held.get(job.id)
        if known is None or known.attempt != job.attempt:
            since, queue = self._clock.monotonic(), (job.department_id, job.queue)
            held[job.id] = Lease(job.id, job.attempt, since, job.timeout_s, queue)

    def _holder(self, job: Job) -> LiveUnit | None:
        return self._units.get((job.department_id, job.execution_unit_id or ""))

    def _without_unit(self, job: Job) -> dict[int, Lease]:
        """Leases of people, and of units that are gone."""
        return self._by_hand if is_by_hand(job) else self._orphans

    def _forget_lease(self, job: Job) -> None:
        if self._ended_meanwhile is not None:
            self._ended_meanwhile.add((job.id, job.attempt))
        holder = self._holder(job)
        for held in (holder.held if holder else self._without_unit(job), self._to_release, self._restarted):
            lease = held.get(job.id)
            if lease is not None and lease.attempt == job.attempt:
                del held[job.id]

    def _follow_unit(self, before: object, unit: ExecutionUnit) -> None:
        live = self._units.get(unit.key)
        if unit.deleted_at is not None:
            self._forget_unit(unit.key)
            return
        if live is None:
            self._units[unit.key] = LiveUnit(unit, self._clock.monotonic())
            return
        is_registered = not isinstance(before, ExecutionUnit) or before.boot_nonce != unit.boot_nonce
        live.unit = unit
        if is_registered or unit.status == "ONLINE":
            live.beat_at = max(live.beat_at, self._clock.monotonic()) if is_registered else live.beat_at
        if is_registered:
            # another process now: what the one before it held is lost with it
            self._restarted |= live.held
            live.grants.clear()
            live.cancelled.clear()
            _answer_all(live)
        elif unit.taken_out:
            self._to_release |= live.held

    def _forget_unit(self, key: UnitKey) -> None:
        live = self._units.pop(key, None)
        if live is not None:
            self._orphans |= live.held
            _answer_all(live)

    # What units want

    async def claim(self, key: UnitKey, claim: Claim) -> list[Job]:
        """Jobs for a unit, as soon as there are any; none after `waitS`. The same `claimId` again gets the same ones,
        as long as they are held.

        Raises NotFound for a unit that is not registered, Conflict when another process registered as it since, and
        what leasing raised. Cancel it when the caller is gone: what was not leased yet is leased to nobody.
        """
        if self._is_closed:
            raise ShuttingDown
        live = self._unit(key, claim.bootNonce)
        live.beat_at = self._clock.monotonic()
        if claim.claimId in live.grants:
            return await self._granted_before(live, claim.claimId)
        waiting = next((one for one in live.waiting if one.claim_id == claim.claimId), None)
        if waiting is None:
            future: asyncio.Future[Sequence[Job]] = asyncio.get_running_loop().create_future()
            waiting = Waiting(next(self._numbers), key, claim.claimId, claim.max, future)
            live.waiting.append(waiting)
        waiting.callers += 1
        self._dispatch()
        try:
            async with asyncio.timeout(claim.waitS):
                return list(await asyncio.shield(waiting.future))
        except TimeoutError:
            await self._backlog.read_to_the_end()
            await waiting.free.wait()  # a batch that is about to lease to it: it is told what it got
            return list(waiting.future.result()) if waiting.future.done() else []
        finally:
            waiting.callers -= 1
            if not waiting.callers and waiting.free.is_set() and waiting in live.waiting:
                live.waiting.remove(waiting)

    async def steps(self, granted: Sequence[Job]) -> dict[int, dict[str, Any]]:
        """What earlier attempts at these jobs have done: results by the names of the steps. Raises
        DatabaseUnavailable."""
        before = [job.id for job in granted if job.attempt > 1]
        if not before:
            return {}
        try:
            async with self._session.lock, self._session.transaction() as tx:
                found = await job_records.steps(tx, before)
        except DatabaseFault as fault:
            raise DatabaseUnavailable from fault
        return {job_id: {step.name: loads(step.result) for step in steps.values()} for job_id, steps in found.items()}

    async def _granted_before(self, live: LiveUnit, claim_id: str) -> list[Job]:
        """What a claim got, as far as the unit still holds it."""
        held = [job_id for job_id, attempt in live.grants[claim_id] if _holds(live, job_id, attempt)]
        try:
            async with self._session.lock, self._session.transaction() as tx:
                found = await JOBS.read(tx, held)
        except DatabaseFault as fault:
            raise DatabaseUnavailable from fault
        running = {job_id: job for job_id, job in found.items() if job.status == "RUNNING"}
        return [job for job_id in held if (job := running.get(job_id)) and _holds(live, job_id, job.attempt)]

    def beat(self, key: UnitKey, beat: Beat) -> dict[str, Any]:
        """A unit lives: its leases go on. With `leases`, those it does not name go back.

        Returns `{cancel, lost, drain}`. Raises as `claim` does.
        """
        live = self._unit(key, beat.bootNonce)
        now = self._clock.monotonic()
        live.hear(beat, now)
        self._to_release |= {lease.job_id: lease for lease in live.unnamed(beat, now)}
        is_draining = live.unit.status == "DRAINING" or bool(live.unit.taken_out)
        cancel = live.to_cancel(beat, now)
        lost = [job_id for job_id in live.lost(beat) if job_id not in cancel]
        return {"cancel": cancel, "lost": lost, "drain": is_draining}

    def close(self) -> None:
        """Answer everybody who waits: nothing more is leased."""
        self._is_closed = True
        self.endings.close()
        if self._waking is not None:
            self._waking.cancel()
        for live in self._units.values():
            _answer_all(live)

    async def stop(self) -> None:
        """After `close`: read nothing more either. A reading that is under way ends with this."""
        await self._backlog.stop()

    def view(self) -> dict[str, int]:
        """How many units live, wait, and hold how many jobs."""
        now = self._clock.monotonic()
        return {
            "unitsOnline": sum(not live.is_silent(now) for live in self._units.values()),
            "claimsWaiting": sum(len(live.waiting) for live in self._units.values()),
            "leases": sum(len(live.held) for live in self._units.values()) + len(self._orphans) + len(self._by_hand),
        }

    def flow(self, keys: Iterable[QueueKey]) -> list[dict[str, float]]:
        """How many jobs a minute came to these queues and came to their end there, lately."""
        now = self._clock.monotonic()
        rates = (self._flow.per_minute(key, now) for key in keys)
        return [{"arrivalsPerMinute": arrived, "completionsPerMinute": ended} for arrived, ended in rates]

    def allowance(self, key: QueueKey) -> Allowance:
        """What a queue lets begin."""
        return self._lines.allowance(key, self._leases(), self._clock.monotonic())

    def outlook(self, department_id: int, task_type: str) -> Outlook:
        """What the units that run this type of job in this department are doing."""
        now = self._clock.monotonic()
        mine = [
            live
            for live in self._units.values()
            if live.unit.department_id == department_id and task_type in live.types()
        ]
        alive = [live for live in mine if not live.is_silent(now)]
        online = [live for live in alive if live.may_be_given]
        draining = sum(live.unit.status == "DRAINING" for live in alive)
        return Outlook(
            registered=len(mine),
            online=len(online),
            draining=draining,
            offline=len(mine) - len(online) - draining,
            room=sum(max(0, live.room) for live in online),
            claimsWaiting=sum(len(live.waiting) for live in online),
        )

    def _unit(self, key: UnitKey, boot_nonce: str | None) -> LiveUnit:
        live = self._units.get(key)
        if live is None:
            raise NotFound("no such unit is registered: register first")
        if None not in (boot_nonce, live.unit.boot_nonce) and boot_nonce != live.unit.boot_nonce:
            raise Conflict("another process has registered as this unit since")
        return live

    # Leasing

    def prepare(self, command: Command) -> Command:
        """Give a job that is about to be submitted to a unit that waits for its like, if there is one."""
        if isinstance(command.data, NewJob):
            new = [command.data]
        elif isinstance(command.data, NewJobs):
            new = command.data.jobs
        else:
            return command
        wanted, queues = {job.taskType for job in new}, frozenset(job.queue for job in new)
        idle = [] if self._is_closed else self._idle()
        waiting = next((one for live, one in idle if wanted & live.types()), None)
        if waiting is None:
            return command
        # of a queue that is limited it is leased by the engine itself, which counts
        if not all(self._lines.is_free((waiting.unit[0], name)) for name in queues):
            return command
        slot = Slot(waiting.unit, fresh_id(), min(waiting.most, self._units[waiting.unit].room), queues)
        self._offer(waiting, slot.token)
        return replace(command, slot=slot)

    def ended(self, command: Command, outcome: "asyncio.Future[Answer]") -> None:
        """What came of a command that `prepare` gave to a unit."""
        if command.slot is not None:
            self._settle_offer(command.slot.token, outcome)

    def _idle(self) -> list[tuple[LiveUnit, Waiting]]:
        """Claims that wait and are not offered anything, the oldest first."""
        waiting = [
            (live, one)
            for live in self._units.values()
            if live.may_be_given and live.room > 0
            for one in live.waiting
            if one.free.is_set()
        ]
        return sorted(waiting, key=lambda pair: pair[1].number)

    def _dispatch(self) -> None:
        """Lease what is ready to whoever waits; read the partitions that are not in memory first."""
        if self._is_closed:
            return
        unread: set[PartitionKey] = set()
        now = self._clock.now()
        idle = self._idle()
        rooms = self._rooms() if idle else {}
        for live, waiting in idle:
            keys = self._open(live, rooms)
            if not self._index.stale(keys, now):
                self._lease(live, waiting, keys, rooms)
            # also what was just used up, or soon will be
            unread.update(self._index.stale(keys, now), self._index.low(keys))
        self._backlog.read(unread)
        self._wake_for_the_next_room()

    def _wake_for_the_next_room(self) -> None:
        """Look again when a limit on starts lets another job begin, which is no news of anybody's."""
        if self._waking is not None:
            self._waking.cancel()
            self._waking = None
        now = self._clock.monotonic()
        at = self._lines.next_room_at(now)
        if at is not None and any(live.waiting for live in self._units.values()):
            self._waking = asyncio.get_running_loop().call_later(max(0.001, at - now), self._dispatch)

    def _rooms(self) -> dict[QueueKey, int]:
        return self._lines.rooms(self._leases(), self._clock.monotonic(), is_certain=self._is_certain)

    def _leases(self) -> Iterator[Lease]:
        """Every lease that lives; some of them twice."""
        kept = (self._orphans, self._by_hand, self._restarted, self._to_release)
        for held in chain((live.held for live in self._units.values()), kept):
            yield from held.values()

    def _lease(
        self, live: LiveUnit, waiting: Waiting, keys: Sequence[PartitionKey], rooms: dict[QueueKey, int]
    ) -> None:
        """Lease what there is for a claim, and take it off the room that its queues have."""
        taken = self._index.take(keys, min(waiting.most, live.room, MAX_JOBS_A_COMMAND), rooms)
        if not taken:
            return
        department_id, unit_id = waiting.unit
        job_ids, token = [ready.job_id for ready in taken], fresh_id()
        self._offer(waiting, token)
        if rooms:
            promised = self._lines.promised[token] = Counter((department_id, ready.queue) for ready in taken)
            for key in promised.keys() & rooms.keys():
                rooms[key] -= promised[key]
        leases = NewLeases(
            departmentId=department_id,
            unitId=unit_id,
            jobIds=job_ids,
            token=token,
            queues={name: self._lines.version((department_id, name)) for name in {ready.queue for ready in taken}},
        )

        def ended(outcome: "asyncio.Future[Answer]") -> None:
            self._index.arrived(job_ids)
            if outcome.exception() is not None or len(outcome.result().data) < len(job_ids):
                self._index.doubt(keys)
            self._settle_offer(token, outcome)

        self._submit(_command("lease-jobs", leases, len(job_ids)), ended)

    def _submit(self, command: Command, ended: Callable[["asyncio.Future[Answer]"], None]) -> None:
        assert self._accept is not None  # noqa: S101 - open() was called
        try:
            self._accept(command).add_done_callback(ended)
        except ConsoleError as refusal:
            refused: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            refused.set_exception(refusal)
            refused.add_done_callback(ended)

    def _offer(self, waiting: Waiting, token: str) -> None:
        waiting.free.clear()
        self._offers[token] = waiting

    def _settle_offer(self, token: str, outcome: "asyncio.Future[Answer]") -> None:
        """The claim is answered with what was leased; without anything it goes on waiting."""
        waiting = self._offers.pop(token)
        self._lines.promised.pop(token, None)
        waiting.free.set()
        error = outcome.exception()
        if error is None and isinstance(outcome.result().data, list):
            # also what an earlier try of the same batch leased
            waiting.granted = [job for job in outcome.result().data if job.id not in waiting.ended]
        live = self._units.get(waiting.unit)
        if waiting.granted and live is not None:
            for job in waiting.granted:
                self._note_lease(job)
            live.keep(waiting.claim_id, waiting.granted)
            _answer(live, waiting, waiting.granted)
        elif live is not None and not waiting.callers:
            _answer(live, waiting, ())
        elif isinstance(error, Unavailable) and not waiting.future.done():
            # no database: the unit is told so, and asks again
            waiting.future.set_exception(error)
            if live is not None and waiting in live.waiting:
                live.waiting.remove(waiting)
        self._dispatch()

    # Time

    async def tick(self) -> float:
        """See to what time brings; the seconds until it should be asked again."""
        if self._is_in_doubt:
            self._is_in_doubt = False
            try:
                async with self._session.lock, self._session.transaction() as tx:
                    await self.load(tx)
            except BaseException:
                self._is_in_doubt = True
                raise
            self._is_certain = not self._is_in_doubt  # another COMMIT may have been lost meanwhile
        self._dispatch()
        settlement = self._settlement(self._clock.monotonic())
        if settlement.units or settlement.lost:
            await self._settle(settlement)
        if self._next_lapse is not None and self._next_lapse <= self._clock.now():
            await self._give_up_overdue()
        return self._until_next_due()

    async def _give_up_overdue(self) -> None:
        """End the jobs whose time is over."""
        self._next_lapse = None
        try:
            async with self._session.lock, self._session.transaction() as tx:
                overdue, next_lapse = await jobs.overdue(tx, self._clock.now(), MAX_JOBS_A_COMMAND)
            if overdue:
                await self._settle(Settlement(overdue=overdue))
        except BaseException:
            self._note_lapse(self._clock.now())
            raise
        self._note_lapse(next_lapse)

    def _note_lapse(self, at: datetime | None) -> None:
        if at is not None:
            self._next_lapse = at if self._next_lapse is None else min(at, self._next_lapse)

    def _settlement(self, now: float) -> Settlement:
        """Units that went silent or came back, and the attempts that end: each for one reason."""
        states: list[UnitState] = []
        lost: dict[int, LostLease] = {}
        for live in self._units.values():
            is_silent = live.is_silent(now)
            if is_silent and live.unit.status != "OFFLINE":
                states.append(_state(live, is_silent=True))
                lost |= _lost(live.held.values(), "crashed")
            elif not is_silent and ((live.unit.status == "OFFLINE" and not live.unit.taken_out) or not live.is_flushed):
                states.append(_state(live, is_silent=False))
                live.is_flushed, live.flushed_at = True, now
            elif is_silent:
                lost |= _lost(live.held.values(), "crashed")
            lost |= _lost((lease for lease in live.held.values() if lease.has_timed_out(now)), "timed_out")
        lost |= _lost((lease for lease in self._by_hand.values() if lease.has_timed_out(now)), "timed_out")
        lost |= _lost(self._restarted.values(), "crashed")
        lost |= _lost(self._orphans.values(), "released")
        lost |= _lost(self._to_release.values(), "released")
        # silence takes a unit and all that it holds in one transaction: the rest waits for the next tick
        return Settlement(
            units=states[:MAX_JOBS_A_COMMAND],
            lost=sorted(lost.values(), key=lambda one: one.jobId)[:MAX_JOBS_A_COMMAND],
        )

    async def _settle(self, settlement: Settlement) -> None:
        assert self._accept is not None  # noqa: S101 - open() was called
        weight = len(settlement.units) + len(settlement.lost) + len(settlement.overdue)
        command = _command("settle-units", settlement, weight)
        await asyncio.shield(self._accept(command))
        ended = {(one.jobId, one.attempt) for one in settlement.lost}
        for held in (self._restarted, self._orphans, self._to_release, self._by_hand):
            for job_id in [job_id for job_id, lease in held.items() if (job_id, lease.attempt) in ended]:
                del held[job_id]
        for live in self._units.values():
            for job_id in [job_id for job_id, lease in live.held.items() if (job_id, lease.attempt) in ended]:
                del live.held[job_id]

    def _until_next_due(self) -> float:
        wanted = (key for live in self._units.values() if live.waiting for key in self._open(live, self._rooms()))
        dues = [self._index.next_due(wanted), self._next_lapse]
        now = self._clock.now()
        return min([TICK_S, *(max(SOONEST_S, (due - now).total_seconds()) for due in dues if due is not None)])

    def _open(self, live: LiveUnit, rooms: Mapping[QueueKey, int]) -> list[PartitionKey]:
        """The partitions that a unit may be given jobs of: of its types, neither paused nor full."""
        keys = self._lines.partitions(live.unit.department_id, live.types())
        return [key for key in keys if rooms.get(key[:2], 1)]


def _answer(live: LiveUnit, waiting: Waiting, granted: Sequence[Job]) -> None:
    if waiting in live.waiting:
        live.waiting.remove(waiting)
    if not waiting.future.done():
        waiting.future.set_result(granted)


def _answer_all(live: LiveUnit) -> None:
    for waiting in [one for one in live.waiting if one.free.is_set()]:
        _answer(live, waiting, ())


def _still(held: dict[int, Lease], before: dict[int, Lease], running: set[int]) -> dict[int, Lease]:
    """Of some leases those whose jobs run, or that came about since."""
    return {job_id: lease for job_id, lease in held.items() if job_id in running or before.get(job_id) is not lease}


def _holds(live: LiveUnit, job_id: int, attempt: int) -> bool:
    lease = live.held.get(job_id)
    return lease is not None and lease.attempt == attempt


def _state(live: LiveUnit, *, is_silent: bool) -> UnitState:
    department_id, unit_id = live.unit.key
    return UnitState(
        departmentId=department_id,
        unitId=unit_id,
        isSilent=is_silent,
        currentLoad=live.load,
        metadata=live.details,
    )


def _lost(leases: Iterable[Lease], outcome: Any) -> dict[int, LostLease]:
    return {lease.job_id: LostLease(jobId=lease.job_id, attempt=lease.attempt, outcome=outcome) for lease in leases}


def _command(name: str, data: CommandData, weight: int) -> Command:
    """A command of the engine's own: nobody can ask for it twice."""
    operation_id = fresh_id() + fresh_id()
    return Command(name, data, None, operation_id, operation_id, weight=weight, is_systems=True)
