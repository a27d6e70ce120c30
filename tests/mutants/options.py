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
        "what was replaced while it ran waits again",
        _RULES,
        '    if after(job.status, event) == "PENDING" and job.unique_key is not None and not job.holds_key:\n',
        "    if False:\n",
        (f"{_KEYS}::test_what_was_replaced_while_it_ran_does_not_run_again",),
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
        "whoever may only submit cancels others' jobs by their key",
        "queue_service/commands/unique_keys.py",
        "    return by == (command.actor_id, None)\n",
        "    return True\n",
        (f"{_JOBS}::test_whose_job_may_be_replaced",),
    ),
    Mutant(
        "what is replaced is not on record",
        "queue_service/commands/jobs.py",
        "            self.audits.append(",
        "            list[Audit]().append(",
        (f"{_KEYS}::test_one_that_waits_is_replaced",),
    ),
    Mutant(
        "a key that was let go is taken from nobody",
        "queue_service/commands/unique_keys.py",
        "    return None if holder is None or holder.id == job.id or not holder.holds_key else holder\n",
        "    return None if holder is None or holder.id == job.id else holder\n",
        (f"{_KEYS}::test_what_is_cancelled_and_submitted_anew_by_one_batch",),
    ),
    Mutant(
        "what may run at most once is handed back by hand",
        "queue_service/domain/operations.py",
        "        if not job.at_most_once:\n",
        "        if True:\n",
        (f"{_ONCE}::test_somebody_who_runs_it_themselves_has_begun_it",),
    ),
    Mutant(
        "what was taken away counts as handed back",
        "queue_service/commands/leases.py",
        "    if job.at_most_once and job.attempt == report.attempt and",
        "    if False and",
        (f"{_ONCE}::test_what_was_taken_from_its_unit_was_not_handed_back",),
    ),
    Mutant(
        "a job that says how long is kept among the newest",
        "queue_service/store/jobs.py",
        "    usual = _c.kept_completed_s.is_(None)\n",
        "    usual = and_(True)\n",
        (f"{_KEPT}::test_what_says_how_long_it_is_kept_is_not_among_the_newest",),
    ),
    Mutant(
        "failures of another department are counted",
        "api_node/queries/jobs.py",
        "    conditions = [_visible_to(viewer)]\n",
        "    conditions: list[ColumnElement[bool]] = []\n",
        ("tests/contract/test_failures.py::test_nobody_sees_failures_of_another_department",),
    ),
    Mutant(
        "every host makes a failure of its own kind",
        "queue_service/domain/failures.py",
        '_CHANGING.sub("#", first_line)',
        "first_line",
        ("tests/contract/test_failures.py::test_failures_of_one_kind_are_one_line_and_lead_to_their_jobs",),
    ),
    Mutant(
        "a job that was done at last is of a kind of failure",
        "queue_service/domain/jobs.py",
        "error_message=None, error_type=None, failure_group=None, **members), None)",
        "error_message=None, **members), None)",
        ("tests/contract/test_failures.py::test_what_is_tried_anew_and_done_is_no_failure_any_more",),
    ),
    Mutant(
        "a step is done twice",
        "queue_service/commands/notebook.py",
        "        if name in kept:\n",
        "        if False:\n",
        ("tests/integration/test_steps_and_logs.py::test_a_step_is_kept_once_and_its_first_result_is_the_answer",),
    ),
    Mutant(
        "the next attempt begins from the beginning",
        "queue_service/engine/engine.py",
        "        before = [job.id for job in granted if job.attempt > 1]\n",
        "        before: list[int] = []\n",
        ("tests/contract/test_steps_and_logs.py::test_steps_and_progress_are_shown_and_given_to_the_next_attempt",),
    ),
    Mutant(
        "steps of another payload are kept",
        "queue_service/commands/operations.py",
        "        stepless=frozenset({after.id}) if",
        "        stepless=frozenset() if",
        ("tests/integration/test_steps_and_logs.py::test_with_another_payload_a_job_begins_from_its_beginning",),
    ),
    Mutant(
        "what leaves no trace in the row is judged by memory",
        "queue_service/engine/engine.py",
        "                        job = None if report.taskId in held else self._running.get(report.taskId)\n",
        "                        job = self._running.get(report.taskId)\n",
        ("tests/integration/test_steps_and_logs.py::test_what_leaves_the_row_as_it_is_is_judged_by_the_row",),
    ),
    Mutant(
        "a line that is reported again stands twice",
        "queue_service/commands/notebook.py",
        "self._last_lines.get(of_attempt) or self.working.last_lines.get(of_attempt, 0)",
        "self._last_lines.get(of_attempt) or 0",
        ("tests/integration/test_steps_and_logs.py::test_lines_are_kept_in_order_and_a_repetition_is_told",),
    ),
    Mutant(
        "whoever follows a log hears nothing",
        "api_node/programs/records.py",
        "        while not lines and job.status not in TERMINAL and",
        "        while job.status not in TERMINAL and",
        ("tests/contract/test_steps_and_logs.py::test_a_log_can_be_followed_as_it_is_written",),
    ),
    Mutant(
        "a job is kept as long as others, whatever it says",
        _RULES,
        "    kept = now + (KEPT[status] if own is None else timedelta(seconds=own))\n",
        "    kept = now + KEPT[status]\n",
        (f"{_KEPT}::test_a_job_says_how_long_it_is_kept",),
    ),
)
