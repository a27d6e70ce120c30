"""A job as a value, for what is decided without a database."""

from datetime import UTC, datetime
from typing import Any, Final

from shared.job_commands import Backoff
from shared.jobs import Job
from shared.jsonio import dumps

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN: Final = "a" * 32


def a_job(**members: Any) -> Job:
    job = Job(
        id=1,
        department_id=1,
        name="a job",
        task_type="T",
        queue="default",
        config="{}",
        config_bytes=2,
        status="RUNNING",
        priority=5,
        run_at=NOW,
        max_attempts=3,
        backoff=dumps(Backoff(jitter=False).model_dump()).decode(),
        timeout_s=60,
        expires_at=None,
        deadline_at=None,
        lapses_at=None,
        labels="{}",
        tags="[]",
        unique_key=None,
        unique_until=None,
        holds_key=False,
        at_most_once=False,
        kept_completed_s=None,
        kept_failed_s=None,
        attempt=1,
        error_count=0,
        crash_count=0,
        execution_unit_id="u",
        lease_token=TOKEN,
        outcome=None,
        progress=None,
        result=None,
        error_message=None,
        error_type=None,
        failure_group=None,
        created_by_user_id=None,
        created_by_application_id=None,
        version=1,
        created_at=NOW,
        updated_at=NOW,
        started_at=NOW,
        completed_at=None,
    )
    return job._replace(**members)
