"""Promises of the writer: the transaction, the fence, keys, doubt, limits."""

from typing import Final

from tests.mutants.mutant import Mutant

_WRITER: Final = "queue_service/writer/writer.py"
_BATCH: Final = "queue_service/writer/batch.py"
_ROWS: Final = "queue_service/writer/rows.py"
_FAULTS: Final = "tests/integration/test_writer_faults.py"
_FENCE: Final = "tests/integration/test_fence.py"
_DOUBT: Final = "tests/integration/test_doubt.py"
_SILENT: Final = "tests/integration/test_silent_reads.py"

MUTANTS: Final = (
    Mutant(
        "acknowledge before commit",
        _WRITER,
        "                    now=self._clock.now(),\n                )\n",
        "                    now=self._clock.now(),\n                )\n"
        "                for pending, result in zip(batch, applied.results, strict=True):\n"
        "                    pending.resolve(result)\n",
        (
            f"{_FAULTS}::test_nothing_is_answered_before_its_commit_arrived",
            f"{_FAULTS}::test_nothing_is_answered_while_its_batch_waits_for_a_lock",
        ),
    ),
    Mutant(
        "no rollback after a failed statement",
        "queue_service/store/session.py",
        "                await tx.rollback()\n                return\n",
        "                return\n",
        (_FAULTS,),
    ),
    Mutant(
        "replay without the key",
        _ROWS,
        "    return working, found.result\n",
        "    return working, {}\n",
        (_FAULTS, "tests/integration/test_writer.py"),
    ),
    Mutant(
        "answers not stored with the change",
        _BATCH,
        "answers.store(tx, applied, now)",
        "answers.store(tx, [], now)",
        (_FAULTS, "tests/integration/test_writer.py"),
    ),
    Mutant(
        "epoch checked outside the transaction",
        _WRITER,
        "            async with session.transaction() as tx:\n                applied =",
        "            async with session.transaction() as tx:\n                await Fence.check(self._fence, tx)\n"
        "            async with session.transaction() as tx:\n"
        "                self._fence.require = lambda epoch: None\n"
        "                applied =",
        (_FENCE,),
    ),
    Mutant("epoch not checked", _ROWS, "    fence.require(epoch.result)\n", "", (_FENCE,)),
    Mutant(
        "epoch read without a lock",
        "queue_service/store/leader.py",
        "    statement = select(leader.c.epoch).where(leader.c.id == _ROW).with_for_update(read=True)\n",
        "    statement = select(leader.c.epoch).where(leader.c.id == _ROW)\n",
        (_FENCE,),
    ),
    Mutant(
        "old sessions are not ended",
        "queue_service/writer/fence.py",
        "            await leader.end_old_sessions(connection)\n",
        "            pass\n",
        (_FENCE,),
    ),
    Mutant(
        "sessions are ended by id alone",
        "queue_service/store/leader.py",
        "WHERE ID = :id AND HOST = :host AND ID",
        "WHERE ID = :id AND :host = :host AND ID",
        (_FENCE,),
    ),
    Mutant(
        "an error at COMMIT is taken for a rollback",
        "queue_service/store/session.py",
        "tx.commit_was_sent and leaves_doubt(error)",
        "tx.commit_was_sent and kind is Fault.LOST",
        (_DOUBT,),
    ),
    Mutant(
        "a lost session is left to the server",
        "queue_service/store/leader.py",
        "    if last is not None:\n        await _end(connection, last)\n",
        "    if last is not None:\n",
        (_DOUBT,),
    ),
    Mutant(
        "doubtful events wait for the next write",
        "queue_service/loops/doubts.py",
        "        await doubts.look_up(session)\n",
        "",
        (_DOUBT,),
    ),
    Mutant(
        "version not compared",
        "queue_service/commands/tasks.py",
        "    if command.expected_version is not None and command.expected_version != task.version:\n",
        "    if False:\n",
        ("tests/integration/test_properties.py",),
    ),
    Mutant(
        "version not raised",
        "queue_service/commands/tasks.py",
        "    after = replace(before, **members, version=before.version + 1, updated_at=now)\n",
        "    after = replace(before, **members, updated_at=now)\n",
        ("tests/integration/test_properties.py",),
    ),
    Mutant(
        "a key in flight is not joined",
        "queue_service/writer/intake.py",
        "        running = self._under_way.get(command.operation_id)\n",
        "        running = None\n",
        ("tests/integration/test_writer.py",),
    ),
    Mutant(
        "one poison command fails its batch",
        _WRITER,
        "            if len(batch) == 1 or not _is_about_some_of_them(error):\n",
        "            if batch:\n",
        (_FAULTS,),
    ),
    Mutant(
        "an unknown outcome is called a failure",
        _WRITER,
        "        if pending.may_have_happened:\n",
        "        if False:\n",
        (_FAULTS,),
    ),
    Mutant(
        "events published in the order of commits",
        "queue_service/writer/eventlog.py",
        "        while self._open and self._open[0].settled:\n            done = self._open.popleft()\n",
        "        if reservation in self._open:\n            done = reservation\n            self._open.remove(done)\n",
        ("tests/unit/test_eventlog.py",),
    ),
    Mutant(
        "the intake has no limit",
        "queue_service/writer/intake.py",
        "            raise QueueFull\n",
        "            pass\n",
        ("tests/integration/test_lanes.py",),
    ),
    Mutant(
        "a stop forgets what was accepted",
        "queue_service/service.py",
        "                await self.intake.drained()\n",
        "                pass\n",
        ("tests/integration/test_lanes.py",),
    ),
    Mutant(
        "a read ends with a round trip that nothing can interrupt",
        "shared/db/database.py",
        "        skip_autocommit_rollback=True,\n",
        "",
        (_SILENT,),
    ),
    Mutant(
        "a server that says nothing is waited for",
        "shared/db/database.py",
        "        async with asyncio.timeout(CONNECT_TIMEOUT_S):\n",
        "        async with asyncio.timeout(None):\n",
        (_SILENT,),
    ),
    Mutant(
        "a right that was lost is not missed on a replay",
        _BATCH,
        "            _require_permission(command, working, now)\n",
        "            if command.operation_id not in stored:\n"
        "                _require_permission(command, working, now)\n",
        ("tests/integration/test_writer.py",),
    ),
)
