"""What is promised of what a job may say of itself when it is submitted."""

from typing import Final

from tests.mutants.mutant import Mutant

_KEYS: Final = "tests/integration/test_unique_keys.py"
_ONCE: Final = "tests/integration/test_at_most_once.py"
_KEPT: Final = "tests/integration/test_retention.py"
_JOBS: Final = "tests/contract/test_jobs.py"
_RULES: Final = "queue_service/domain/jobs.py"

MUTANTS: Final = (
    Mutant(
        "two unfinished jobs have one unique key",
        "queue_service/commands/jobs.py",
        "        if holder is not None:\n            if keeps",
        "        if holder is not None and False:\n            if keeps",
        (f"{_KEYS}::test_while_a_job_has_the_key_it_is_the_answer",),
    ),
    Mutant(
        "of jobs that come in one batch each gets the key",
        "queue_service/domain/workingset.py",
        "                self.key_holders[digest] = after.id\n",
        "                pass\n",
        (f"{_KEYS}::test_of_those_that_come_together_one_gets_the_key",),
    ),
    Mutant(
        "a finished job keeps its key",
        _RULES,
        '        members["holds_key"] = holds_key\n',
        "",
        (f"{_KEYS}::test_a_finished_job_lets_its_key_go",),
    ),
    Mutant(
        "the window of a key ends with its job",
        _RULES,
        "    return job.holds_key and (job.status not in TERMINAL or is_within)\n",
        "    return job.holds_key and job.status not in TERMINAL\n",
        (f"{_KEYS}::test_a_window_keeps_others_off_after_the_end_too",),
    ),
    Mutant(
        "a job is forgotten while it has its key",
        _RULES,
        "    return max(kept, job.unique_until) if holds_key and job.unique_until is not None else kept\n",
        "    return kept\n",
        (f"{_KEYS}::test_within_its_window_a_job_is_kept",),
    ),
    Mutant(
        "what is replaced runs all the same",
        _RULES,
        '    if job.status in ("PENDING", "PAUSED"):\n        return moved(keyless',
        '    if job.status in ("PAUSED",):\n        return moved(keyless',
        (f"{_KEYS}::test_one_that_waits_is_replaced",),
    ),
    Mutant(
        "whoever lost its key lets go of another one's",
        "queue_service/store/unique_keys.py",
        " AND job_id IN ({places})",
        " OR job_id IN ({places})",
        (f"{_KEYS}::test_one_that_runs_runs_on_beside_the_one_that_replaces_it", _KEYS),
    ),
    Mutant(
        "what is tried anew shares a key",
        "queue_service/commands/operations.py",
        "        require_free(holder, command, working, now)\n",
        "",
        (f"{_KEYS}::test_what_is_tried_anew_needs_its_key_again",),
    ),
    Mutant(
        "who may not see jobs sees the one in the way",
        "queue_service/commands/unique_keys.py",
        "    if actor is None or has_permission(actor, Permission.TASK_VIEW):\n",
        "    if True:\n",
        (f"{_JOBS}::test_who_may_not_see_jobs_is_shown_little_of_one_in_the_way",),
    ),
    Mutant(
        "a key keeps other departments off",
        "shared/jobs.py",
        "dumps([department_id, task_type, unique_key])",
        "dumps([0, task_type, unique_key])",
        (f"{_JOBS}::test_a_unique_key_is_its_departments_own",),
    ),
    Mutant(
        "what may run at most once runs again after a crash",
        _RULES,
        "    if job.at_most_once:\n        message",
        "    if False:\n        message",
        (f"{_ONCE}::test_an_attempt_that_nobody_reported_on_is_the_last",),
    ),
    Mutant(
        "what may run at most once is tried again after an error",
        _RULES,
        "    if not is_retryable or job.at_most_once or count >= job.max_attempts:\n",
        "    if not is_retryable or count >= job.max_attempts:\n",
        (f"{_ONCE}::test_an_error_is_not_tried_again",),
    ),
    Mutant(
        "what may have started is handed back",
        "queue_service/commands/leases.py",
        "            if job.at_most_once and report.kind in _HANDED_BACK and not report.neverStarted:\n",
        "            if False:\n",
        (f"{_ONCE}::test_it_is_handed_back_only_by_a_unit_that_never_started_it",),
    ),
    Mutant(
        "a job is kept as long as others, whatever it says",
        _RULES,
        "    kept = now + (KEPT[status] if own is None else timedelta(seconds=own))\n",
        "    kept = now + KEPT[status]\n",
        (f"{_KEPT}::test_a_job_says_how_long_it_is_kept",),
    ),
)
