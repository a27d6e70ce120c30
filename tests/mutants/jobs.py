"""What is promised of jobs and of the units that run them, at the nodes' door and behind it."""

from typing import Final

from tests.mutants.mutant import Mutant

_JOBS: Final = "tests/contract/test_jobs.py"
_UNITS: Final = "tests/contract/test_units.py"
_ENGINE: Final = "tests/integration/test_engine.py"
_LEASES: Final = "queue_service/commands/leases.py"

MUTANTS: Final = (
    Mutant(
        "a job of another department is seen",
        "api_node/queries/jobs.py",
        "    return in_departments_of(viewer, _c.department_id)\n",
        "    return and_(True)\n",
        (f"{_JOBS}::test_nobody_sees_a_job_of_another_department",),
    ),
    Mutant(
        "a unit of another department is seen",
        "api_node/queries/units.py",
        "    return and_(exists, in_departments_of(viewer, _c.department_id))\n",
        "    return exists\n",
        (f"{_UNITS}::test_a_unit_is_its_departments_and_an_id_is_unique_there",),
    ),
    Mutant(
        "one bad job stops its batch",
        "api_node/programs/batch.py",
        "        except (Invalid, PayloadTooLarge) as refusal:\n",
        "        except PayloadTooLarge as refusal:\n",
        (f"{_JOBS}::test_each_of_a_batch_is_judged_for_itself",),
    ),
    Mutant(
        "the chunks of a batch share a key",
        "api_node/programs/batch.py",
        "        self._chunks += 1\n",
        "        self._chunks = 1\n",
        (f"{_JOBS}::test_ten_thousand_are_submitted_at_once_and_again_under_their_key",),
    ),
    Mutant(
        "another batch passes under a used key",
        "api_node/programs/batch.py",
        "        self._digest = hashlib.sha256(raw).digest()\n",
        '        self._digest = b""\n',
        (f"{_JOBS}::test_another_batch_under_the_same_key_submits_nothing",),
    ),
    Mutant(
        "the setting says nothing of attempts",
        "api_node/programs/submission.py",
        '    return said | {"maxAttempts": most}\n',
        '    return said | {"maxAttempts": new.maxAttempts or 1}\n',
        (f"{_JOBS}::test_a_job_is_as_it_was_submitted_and_the_rest_is_by_default",),
    ),
    Mutant(
        "the attempt that runs is not shown",
        "api_node/programs/history.py",
        '    if job.status != "RUNNING":\n',
        '    if job.status == "RUNNING":\n',
        (f"{_JOBS}::test_a_job_tells_of_its_attempts",),
    ),
    Mutant(
        "a claim goes on when its unit has hung up",
        "shared/http/hanging_up.py",
        '    while (await request.receive())["type"] != "http.disconnect":\n        pass\n',
        "    await asyncio.Event().wait()\n",
        (f"{_UNITS}::test_who_hangs_up_while_a_claim_waits_is_given_nothing",),
    ),
    Mutant(
        "a unit asks in another department's name",
        "api_node/programs/units.py",
        "    return actor.who.department_id, _unit_id(request)\n",
        "    return 1, _unit_id(request)\n",
        (f"{_UNITS}::test_a_job_is_claimed_reported_and_completed_by_way_of_two_nodes",),
    ),
    Mutant(
        "a busy unit passes for one that has room",
        "api_node/queries/units.py",
        "_c.current_load < _c.capacity",
        "_c.current_load <= _c.capacity",
        (f"{_UNITS}::test_lists_choose_and_statistics_count",),
    ),
    Mutant(
        "a report is taken without its lease token",
        _LEASES,
        "(job.attempt, job.lease_token, job.execution_unit_id) == (report.attempt, report.leaseToken, unit_id)",
        "(job.attempt, job.execution_unit_id) == (report.attempt, unit_id)",
        (f"{_UNITS}::test_a_report_is_taken_only_with_the_fence",),
    ),
    Mutant(
        "a report is taken from another unit",
        _LEASES,
        "(job.attempt, job.lease_token, job.execution_unit_id) == (report.attempt, report.leaseToken, unit_id)",
        "(job.attempt, job.lease_token) == (report.attempt, report.leaseToken)",
        (f"{_UNITS}::test_a_report_is_taken_only_with_the_fence",),
    ),
    Mutant(
        "a report that was applied is stale the next time",
        _LEASES,
        "        elif _was_applied(job, report, [*working.attempts.values(), *records]):\n",
        "        elif False:\n",
        (f"{_UNITS}::test_a_report_may_be_sent_again_and_another_one_is_stale",),
    ),
    Mutant(
        "jobs of a silent unit stay with it",
        "queue_service/engine/engine.py",
        "                states.append(_state(live, is_silent=True))\n                lost |= _lost(live.held.values()",
        "                states.append(_state(live, is_silent=True))\n                lost |= _lost(()",
        (f"{_ENGINE}::test_a_silent_unit_is_offline_and_its_jobs_go_back_in_the_same_tick",),
    ),
    Mutant(
        "a lease that no beat names is kept",
        "queue_service/engine/engine.py",
        "        self._to_release |= {lease.job_id: lease for lease in live.unnamed(beat, now)}\n",
        "",
        (f"{_UNITS}::test_a_lease_that_a_beat_does_not_name_goes_back",),
    ),
)
