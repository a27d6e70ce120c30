"""The daemon put together: leadership, lanes, intake, loops; started once, drained once."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from queue_service.commands import KINDS
from queue_service.domain.workingset import IdSource
from queue_service.engine.engine import Engine
from queue_service.loops.beat import beat_loop
from queue_service.loops.doubts import doubts_loop
from queue_service.loops.engine import engine_loop
from queue_service.loops.prune import SteadyTime, prune_loop
from queue_service.loops.retention import retention_loop
from queue_service.loops.runner import LoopRunner
from queue_service.loops.seal import seal_loop
from queue_service.metrics import WriterMetrics
from queue_service.store import answers, audit, leader, operations, outbox
from queue_service.store.aggregates import ALL, USERS
from queue_service.store.faults import DatabaseFault
from queue_service.store.leader import SessionMark
from queue_service.store.session import STATEMENT_DEADLINE_S, Session, Transaction
from queue_service.writer.deferred import restored
from queue_service.writer.doubt import Doubts
from queue_service.writer.eventlog import EventLog
from queue_service.writer.fence import Deposed, take_leadership
from queue_service.writer.intake import Intake, IntakeLimits
from queue_service.writer.lane import FlushPolicy, Lane, WriteBatch
from queue_service.writer.writer import BatchWriter
from shared.clock import Clock
from shared.commands import folded
from shared.db import health
from shared.db.database import is_sqlite, writer_engine
from shared.db.health import Durability
from shared.events import KEPT
from shared.settings import Settings, SettingsError

log = structlog.get_logger(__name__)

LANES: Final[Mapping[str, int]] = {"access": 1, "board": 2, "engine": 2}
"""How many shards each lane has. Rules that span entities hold inside one shard only."""

DRAIN_S: Final = 10.0
"""The longest a stop waits for what was accepted."""


class QueueService:
    """One leader. `start`, then `begin_stop` and `stop`, once each; `on_deposed` must end the process at once.

    `lacks_administrator`: nobody had the name of ADMIN_USERNAME at the start. `has_accounts`: there was any then.
    """

    intake: Intake
    engine: Engine
    events: EventLog
    loops: LoopRunner
    lacks_administrator: bool
    has_accounts: bool

    def __init__(self, settings: Settings, clock: Clock, *, on_deposed: Callable[[], None]) -> None:
        self.settings = settings
        self.clock = clock
        self.secret = settings.queue_secret
        self.metrics = WriterMetrics()
        self.kinds = KINDS.keys()
        self.is_stopping = False
        self._on_deposed = on_deposed
        self._engine = writer_engine(settings.database)
        self._lanes: dict[str, list[Lane]] = {}
        self._sessions: list[Session] = []
        self._running: list[asyncio.Task[None]] = []
        self._durability: Durability = "relaxed"
        self._started_at = clock.monotonic()

    async def start(self) -> None:
        """Take the lead and open the lanes. Raises AnotherLeader, NotMigrated, SettingsError (durability), and
        the driver's errors; nothing is left open then."""
        try:
            await self._start()
        except BaseException:
            await self._end_tasks()
            await self._close_connections()
            raise

    async def _start(self) -> None:
        await self._check_database()
        self._fence = await take_leadership(
            self._engine, holder=f"process {os.getpid()}", address=self._address(), clock=self.clock
        )
        self.events = EventLog(self._fence.epoch)
        upkeep = self._session()
        self.engine = Engine(upkeep if is_sqlite(self.settings.database) else self._session(), self.clock)
        await upkeep.open()
        async with upkeep.transaction() as tx:
            ids = IdSource({kind: await table.last_id(tx) for kind, table in ALL.items()})
            self.events.load(await outbox.newest(tx, KEPT), last_audit_id=await audit.last_id(tx))
            newest_answer = await answers.newest(tx)
            waiting = await operations.waiting(tx)
            await self.engine.load(tx)
            self.has_accounts = not await USERS.is_empty(tx)
            self.lacks_administrator = await _lacks(tx, self.settings.admin_username)
        doubts = Doubts(self.events)
        writer = BatchWriter(
            fence=self._fence,
            ids=ids,
            events=self.events,
            doubts=doubts,
            metrics=self.metrics,
            max_retries=self.settings.queue_max_retries,
            clock=self.clock,
            follower=self.engine,
        )
        self._open_lanes(writer.write, upkeep)
        of_doubts = upkeep if is_sqlite(self.settings.database) else self._session()
        for session in self._sessions:
            await session.open()
        for command in filter(None, map(restored, waiting)):
            self.intake.resume(command)
        steady = SteadyTime(self.clock, newest_answer)
        self.loops = LoopRunner(
            [
                beat_loop(upkeep, self._fence, self.clock),
                prune_loop(upkeep, self._fence, steady),
                retention_loop(upkeep, self._fence, steady),
                doubts_loop(of_doubts, doubts),
                engine_loop(self.engine),
                seal_loop(upkeep, self._fence, self.events),
            ],
            self.clock,
        )
        self._run(self.loops.run())
        if self.settings.redis_url:
            from queue_service.redis_publisher import publish_rights  # what it needs is installed where this is used

            # nothing depends on it: should it ever end, nodes hear by their streams
            self._running.append(asyncio.create_task(publish_rights(self.events, self.settings.redis_url, self.clock)))
        log.info("leading", epoch=self._fence.epoch, durability=self._durability)

    def begin_stop(self) -> None:
        """Say no to health checks and end the event streams; requests under way still finish."""
        self.is_stopping = True
        self.events.close()
        self.engine.close()

    async def stop(self) -> None:
        """Commit what was accepted, give the lead back, close every connection.

        What cannot be committed within DRAIN_S (a database that does not answer) is left unanswered: its callers find
        the connection closed and ask again under their keys.
        """
        self.begin_stop()
        self.intake.close()
        try:
            async with asyncio.timeout(DRAIN_S):
                await self.intake.drained()
        except TimeoutError:
            log.error("stopped_with_commands_unanswered", commands=self.intake.length)
        await self._end_tasks()
        await self.engine.stop()
        await self._give_back_the_lead()
        await self._close_connections()
        log.info("drained", epoch=self._fence.epoch)

    async def _end_tasks(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _close_connections(self) -> None:
        for session in self._sessions:
            await session.close()
        await self._engine.dispose()

    def status(self) -> dict[str, Any]:
        """Seed 000's fields, and what an operator asks next."""
        lanes = [lane for shards in self._lanes.values() for lane in shards]
        return {
            "queueLength": sum(lane.length for lane in lanes),
            "processing": any(lane.in_batch for lane in lanes),
            "accepted": self.intake.length,
            "lanes": [{"name": lane.name, "queueLength": lane.length, "inBatch": lane.in_batch} for lane in lanes],
            "flush": {
                "policy": self.settings.queue_flush_policy,
                "batchSize": self.settings.queue_batch_size,
                "intervalMs": self.settings.queue_flush_interval_ms,
            },
            "recentBatches": self.metrics.recent_batches(),
            "replays": self.metrics.replay_count,
            "splits": self.metrics.split_count,
            "uptimeS": round(self.clock.monotonic() - self._started_at, 1),
            "database": "mariadb" if getattr(self._engine.dialect, "is_mariadb", False) else self._engine.dialect.name,
            "durability": self._durability,
            "epoch": self._fence.epoch,
            "eventPosition": ".".join(map(str, self.events.position)),
            "engine": self.engine.view(),
            "loops": self.loops.view(),
        }

    async def _check_database(self) -> None:
        try:
            async with asyncio.timeout(STATEMENT_DEADLINE_S), self._engine.connect() as connection:
                await health.require_schema(connection)
                self._durability = await health.durability(connection)
                await connection.rollback()
        except TimeoutError:
            raise TimeoutError(f"the database did not answer within {STATEMENT_DEADLINE_S:.0f} s") from None
        if self._durability != "strict" and self.settings.durability == "strict":
            raise SettingsError(
                [
                    "DURABILITY=strict, but this database may lose a commit in a power cut: set "
                    "innodb_flush_log_at_trx_commit=1 and sync_binlog=1 on it"
                ]
            )

    async def _give_back_the_lead(self) -> None:
        """Say so in the beat, so that a successor elsewhere need not sit out the lease."""
        with suppress(DatabaseFault):
            async with self._sessions[0].transaction() as tx:
                await leader.beat(tx, epoch=self._fence.epoch, at=leader.GIVEN_BACK)

    def _address(self) -> str:
        """What tells this leader's place from another one's. On SQLite the file lock decides who leads."""
        if is_sqlite(self.settings.database):
            return "this machine"
        # with the host name: 127.0.0.1:4000, or 0.0.0.0:4000 in a container, is the same words everywhere
        return f"{socket.gethostname()}/{self.settings.queue_host}:{self.settings.queue_port}"

    def _session(self) -> Session:
        async def record(connection: AsyncConnection, last: SessionMark | None) -> SessionMark | None:
            return await leader.record_session(connection, self._fence.epoch, last)

        session = Session(self._engine, on_connect=record)
        self._sessions.append(session)
        return session

    def _open_lanes(self, write: WriteBatch, upkeep: Session) -> None:
        policy = FlushPolicy(
            self.settings.queue_batch_size,
            self.settings.queue_flush_interval_ms / 1000,
            self.settings.queue_flush_policy,
        )
        for name, shards in LANES.items():
            self._lanes[name] = [
                Lane(
                    name if shards == 1 else f"{name}-{shard}",
                    # SQLite has one writer anyhow: one connection for all spares the lanes each other's busy waits
                    session=upkeep if is_sqlite(self.settings.database) else self._session(),
                    write=write,
                    policy=policy,
                )
                for shard in range(shards)
            ]
            for lane in self._lanes[name]:
                self._run(lane.run())
        self.intake = Intake(
            self._lanes,
            IntakeLimits(self.settings.queue_intake_commands, self.settings.queue_intake_bytes),
            self.engine,
        )
        self.engine.open(self.intake.accept)

    def _run(self, work: Any) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._running.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A lane or loop never ends by itself: whatever ended it, this process must not go on answering."""
        if task.cancelled():
            return
        error = task.exception()
        is_deposed = isinstance(error, Deposed) or (
            isinstance(error, BaseExceptionGroup) and error.subgroup(Deposed) is not None
        )
        log.critical("deposed" if is_deposed else "lane_broke", exc_info=None if is_deposed else error)
        self._on_deposed()


async def _lacks(tx: Transaction, login_name: str) -> bool:
    """Whether there is a name to look for, and nobody who signs in with it."""
    if not login_name:
        return False
    found = [USERS.read_by(tx, column, {folded(login_name)}) for column in ("username", "email")]
    await tx.together(*found)
    return not any(statement.result for statement in found)
