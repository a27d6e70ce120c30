"""What is promised of what people do to jobs, and of queues."""

from typing import Final

from tests.mutants.mutant import Mutant

_STATES: Final = "tests/unit/test_job_states.py"
_OPERATIONS: Final = "tests/integration/test_job_operations.py"
_CONTRACT: Final = "tests/contract/test_job_operations.py"
_QUEUES: Final = "tests/integration/test_queues.py"
_LINES: Final = "queue_service/engine/lines.py"

MUTANTS: Final = (
    Mutant(
        "what was left out of a row that was read is written with its neighbours",
        "queue_service/store/versioned.py",
        "            if len(alike) > 1:\n",
        "            if False:\n",
        (
            "tests/integration/test_engine_memory.py::test_what_a_large_job_says_of_itself_survives_what_its_neighbours_in_a_batch_change",
        ),
    ),
    Mutant(
        "the unit of a cancelled job is not told",
        "queue_service/engine/live.py",
        "        return sorted(self.cancelled)\n",
        "        return []\n",
        (f"{_OPERATIONS}::test_the_unit_of_a_cancelled_job_is_told_and_what_it_reports_counts_no_more",),
    ),
    Mutant(
        "a job that is given anew is to be cancelled still",
        "queue_service/engine/engine.py",
        "            holder.cancelled.pop(job.id, None)\n",
        "            pass\n",
        (f"{_OPERATIONS}::test_a_job_that_is_given_again_to_the_unit_that_was_to_cancel_it_is_not_cancelled",),
    ),
    Mutant(
        "a job of another department is operated on",
        "queue_service/commands/operations.py",
        "    if actor is not None and not sees_department(actor, working.paths[job.department_id]):\n",
        "    if False:\n",
        (f"{_CONTRACT}::test_nobody_operates_on_a_job_of_another_department",),
    ),
    Mutant(
        "anybody ends what somebody runs themselves",
        "queue_service/domain/operations.py",
        '    is_own = job.status == "RUNNING" and job.execution_unit_id == holder_name(actor_id)\n',
        '    is_own = job.status == "RUNNING"\n',
        (f"{_OPERATIONS}::test_only_who_runs_a_job_ends_it_by_its_state",),
    ),
    Mutant(
        "a job is tried anew with what is left of its budget",
        "queue_service/domain/operations.py",
        '        "error_count": 0,\n',
        '        "error_count": job.error_count,\n',
        (f"{_STATES}::test_what_is_begun_anew_has_its_whole_budget_and_keeps_the_attempt_that_completed_it",),
    ),
    Mutant(
        "the attempt that completed a job is lost when it is tried anew",
        "queue_service/domain/operations.py",
        '    return Ended(moved(job, "restart", now, **members), completing_attempt(job))\n',
        '    return Ended(moved(job, "restart", now, **members), None)\n',
        (f"{_CONTRACT}::test_every_attempt_of_a_job_that_was_completed_twice_is_shown",),
    ),
    Mutant(
        "a paused job never ends",
        "queue_service/store/jobs.py",
        'UNFINISHED: Final = ("PENDING", "RUNNING", "PAUSED")\n',
        'UNFINISHED: Final = ("PENDING", "RUNNING")\n',
        (f"{_OPERATIONS}::test_a_paused_job_ends_when_its_time_is_over",),
    ),
    Mutant(
        "nobody is told who did it",
        "queue_service/writer/batch.py",
        "        interventions += decision.interventions\n",
        "        interventions += ()\n",
        (f"{_CONTRACT}::test_the_history_says_who_did_what_and_why",),
    ),
    Mutant(
        "a lease on its way gives what was paused meanwhile",
        "queue_service/commands/leases.py",
        "        elif job.queue in seen and is_due(job, now) and may_have(unit, job):\n",
        "        elif is_due(job, now) and may_have(unit, job):\n",
        (f"{_QUEUES}::test_a_lease_that_was_on_its_way_when_the_queue_was_paused_gives_nothing",),
    ),
    Mutant(
        "a job of a paused queue is leased as it is inserted",
        "queue_service/commands/jobs.py",
        " and left and job.queue not in bound and is_due(job, now)",
        " and left and is_due(job, now)",
        (f"{_QUEUES}::test_a_lease_that_was_on_its_way_when_the_queue_was_paused_gives_nothing",),
    ),
    Mutant(
        "a lease on its way passes a limit that was set meanwhile",
        "queue_service/commands/leases.py",
        " if _version(data.departmentId, name, working) == version}\n",
        "}\n",
        (f"{_QUEUES}::test_a_lease_on_its_way_when_a_limit_is_set_does_not_pass_it",),
    ),
    Mutant(
        "a job that is cancelled in the batch that leases it is given",
        "queue_service/engine/engine.py",
        " if job.id not in waiting.ended]\n",
        "]\n",
        (f"{_OPERATIONS}::test_a_job_that_is_leased_and_cancelled_by_one_batch_is_given_to_nobody",),
    ),
    Mutant(
        "what somebody tries anew is forgotten with what it was",
        "queue_service/store/jobs.py",
        "_c.status.in_(sorted(TERMINAL)), _c.lapses_at <= now).order_by(_c.id)\n",
        "_c.id > 0).order_by(_c.id)\n",
        ("tests/integration/test_retention.py::test_what_is_tried_anew_while_it_is_about_to_be_forgotten_stays",),
    ),
    Mutant(
        "what is due in a queue that stands still keeps the engine busy",
        "queue_service/engine/engine.py",
        "        dues = [self._index.next_due(wanted), self._next_lapse]\n",
        "        dues = [self._index.next_due(self._index._partitions), self._next_lapse]\n",
        (f"{_QUEUES}::test_what_becomes_due_in_a_queue_that_stands_still_keeps_nobody_busy",),
    ),
    Mutant(
        "what runs of a limited queue is not counted",
        _LINES,
        "[queue.concurrency - running[key]]",
        "[queue.concurrency]",
        (f"{_QUEUES}::test_so_many_run_at_once_and_no_more",),
    ),
    Mutant(
        "what a batch is about to lease is not counted",
        _LINES,
        "            rooms[key] = max(0, min(left) - promised[key])\n",
        "            rooms[key] = max(0, min(left))\n",
        (f"{_QUEUES}::test_claims_that_come_together_share_the_limit",),
    ),
    Mutant(
        "while it is not certain what runs, more is given",
        _LINES,
        "        if not is_certain:\n",
        "        if False:\n",
        (f"{_QUEUES}::test_while_it_is_looked_into_what_runs_nothing_of_a_limited_queue_is_given",),
    ),
    Mutant(
        "it is certain what runs as soon as somebody looks",
        "queue_service/engine/engine.py",
        "        self._is_in_doubt, self._is_certain = True, False\n",
        "        self._is_in_doubt = True\n",
        (f"{_QUEUES}::test_while_it_is_looked_into_what_runs_nothing_of_a_limited_queue_is_given",),
    ),
    Mutant(
        "a new leader does not know what began lately",
        _LINES,
        "        for queue_id, at, jobs in starts:\n",
        "        for queue_id, at, jobs in ():\n",
        (f"{_QUEUES}::test_what_began_counts_for_the_next_leader",),
    ),
    Mutant(
        "any number begins in any span",
        _LINES,
        "[queue.starts - len(self._lately(queue, now))]",
        "[queue.starts]",
        (f"{_QUEUES}::test_so_many_begin_in_any_span_and_no_more",),
    ),
    Mutant(
        "a job that leaves a state is still counted there",
        "queue_service/store/counts.py",
        "                more[kind_of(change.before)] -= 1\n",
        "                pass\n",
        ("tests/contract/test_queues.py::test_numbers_are_right_whatever_becomes_of_jobs",),
    ),
    Mutant(
        "a job that is forgotten is still counted",
        "queue_service/store/jobs.py",
        "        await counts.add(tx, {kind: -jobs for kind, jobs in gone.items()}, writer=counts.PRUNER)\n",
        "        await counts.add(tx, {}, writer=counts.PRUNER)\n",
        (f"{_OPERATIONS}::test_what_was_done_is_kept_with_the_job_and_forgotten_with_it",),
    ),
    Mutant(
        "a paused queue is not the reason why",
        "api_node/job_why.py",
        "        return _of_queue(facts) or _of_units(facts)\n",
        "        return _of_units(facts)\n",
        ("tests/contract/test_job_why.py::test_a_reason_is_told_and_with_it_removed_the_job_runs",),
    ),
    Mutant(
        "who waits for the end of a job is not told of it",
        "queue_service/engine/engine.py",
        "        if job.status in TERMINAL:\n            self.endings.tell(job.id)\n",
        "",
        ("tests/contract/test_job_waits.py::test_who_waits_is_shown_how_the_job_ended",),
    ),
    Mutant(
        "another department's queue is limited",
        "queue_service/commands/queues.py",
        "    if actor is not None and not sees_department(actor, department.path):\n",
        "    if False:\n",
        ("tests/contract/test_queues.py::test_another_departments_queue_is_as_if_it_were_not_there",),
    ),
)
