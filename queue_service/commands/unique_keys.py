"""Whose unique key it is: what becomes of a job that comes while another one has its key (SEMANTICS 2)."""

from datetime import datetime
from typing import Any

from queue_service.domain.command import Command
from queue_service.domain.jobs import keeps_others_off
from queue_service.domain.workingset import WorkingSet
from shared.actor import ApplicationId
from shared.errors import UniqueConflict
from shared.jobs import Job, digest_of, job_view
from shared.permissions import Permission
from shared.policy import has_permission


def holder_of_key(job: Job, working: WorkingSet) -> Job | None:
    """The other job that has its key, whether it keeps others off or not."""
    digest = digest_of(job)
    holder = None if digest is None else working.jobs.get(working.key_holders.get(digest, 0))
    # it may have let it go since the key was looked up
    return None if holder is None or holder.id == job.id or not holder.holds_key else holder


def require_free(holder: Job | None, command: Command, working: WorkingSet, now: datetime) -> None:
    """Raises UniqueConflict with whoever keeps others off."""
    if holder is not None and keeps_others_off(holder, now):
        said = f"job {holder.id} has this unique key"
        raise UniqueConflict(said, extra={"current": shown_to(command, holder, working, now)})


def may_replace(command: Command, holder: Job, working: WorkingSet) -> bool:
    """Whether the actor may take the key from a job: from one of their own, or with the right to change jobs."""
    actor = working.principal(command.actor_id)
    if actor is None or has_permission(actor, Permission.TASK_UPDATE):
        return True
    by = holder.created_by_user_id, holder.created_by_application_id
    if isinstance(command.actor_id, ApplicationId):
        return by == (None, command.actor_id.number)
    return by == (command.actor_id, None)


def shown_to(command: Command, job: Job, working: WorkingSet, now: datetime) -> dict[str, Any]:
    """Another job as the actor may see it: all of it only with the right to see jobs."""
    actor = working.principal(command.actor_id)
    if actor is None or has_permission(actor, Permission.TASK_VIEW):
        return job_view(job, now)
    return {"id": job.id, "status": job.status, "uniqueKey": job.unique_key, "version": job.version}
