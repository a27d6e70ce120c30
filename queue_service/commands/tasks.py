"""create-task, update-task, delete-task (seed 000): the board's writes."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from queue_service.domain.command import Answer, Command, CommandKind, Decision, Event, Needs
from queue_service.domain.workingset import Change, WorkingSet
from shared.actor import ApplicationId, actor_members
from shared.commands import NewTask, TaskPatch, TaskRef
from shared.errors import FieldError, Invalid, NotFound, PeopleOnly, VersionConflict
from shared.model import Task, User, task_view
from shared.permissions import Permission
from shared.policy import sees_department, sees_task


def _create(data: NewTask, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Put a task on the board, in its creator's department."""
    if isinstance(command.actor_id, ApplicationId):
        raise PeopleOnly("somebody has to stand by a task as its creator")
    creator = _person("createdByUserId", command.actor_id or data.createdByUserId or 0, working)
    if data.assignedToUserId is not None:
        _require_assignable(data.assignedToUserId, None, command, working)
    task = Task(
        id=working.ids.next(Task),
        title=data.title,
        category=data.category,
        tag=data.tag,
        description=data.description,
        status=data.status,
        created_by_user_id=creator.id,
        assigned_to_user_id=data.assignedToUserId,
        department_id=creator.department_id,
        version=1,
        created_at=now,
        updated_at=now,
        deleted_at=None,
    )
    return _decision(201, "task.created", command, None, task, working.places[creator.id].path)


def _update(data: TaskPatch, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Change some members, version-checked when the caller says which version it saw."""
    before = _visible_task(data.taskId, command, working)
    given = data.updates.model_fields_set
    if not given:
        raise _invalid("updates", "names nothing to change")
    if data.updates.assignedToUserId is not None:
        _require_assignable(data.updates.assignedToUserId, before, command, working)
    members: dict[str, Any] = {_COLUMN_OF[name]: getattr(data.updates, name) for name in given}
    after = replace(before, **members, version=before.version + 1, updated_at=now)
    return _decision(200, "task.updated", command, before, after, working.paths[after.department_id])


def _delete(data: TaskRef, command: Command, working: WorkingSet, now: datetime) -> Decision:
    """Take a task off the board. The row stays, marked deleted."""
    before = _visible_task(data.taskId, command, working)
    after = replace(before, version=before.version + 1, updated_at=now, deleted_at=now)
    return _decision(200, "task.deleted", command, before, after, working.paths[after.department_id])


def _people(*ids: int | None) -> frozenset[int]:
    return frozenset(i for i in ids if i is not None)


CREATE_TASK: Final = CommandKind(
    name="create-task",
    lane="board",
    permission=Permission.BOARD_CREATE,
    data=NewTask,
    needs=lambda data: Needs(user_ids=_people(data.createdByUserId, data.assignedToUserId)),
    decide=_create,
)

UPDATE_TASK: Final = CommandKind(
    name="update-task",
    lane="board",
    permission=Permission.BOARD_UPDATE,
    data=TaskPatch,
    needs=lambda data: Needs(frozenset({data.taskId}), _people(data.updates.assignedToUserId)),
    decide=_update,
    shard=lambda data: int(data.taskId),
)

DELETE_TASK: Final = CommandKind(
    name="delete-task",
    lane="board",
    permission=Permission.BOARD_DELETE,
    data=TaskRef,
    needs=lambda data: Needs(frozenset({data.taskId})),
    decide=_delete,
    shard=lambda data: int(data.taskId),
)

_COLUMN_OF: Final[dict[str, str]] = {
    "title": "title",
    "category": "category",
    "tag": "tag",
    "description": "description",
    "status": "status",
    "assignedToUserId": "assigned_to_user_id",
}


def _visible_task(task_id: int, command: Command, working: WorkingSet) -> Task:
    """The task as the actor sees it now. Raises NotFound, and VersionConflict with the current task."""
    task = working.tasks.get(task_id)
    if task is None or task.deleted_at is not None:
        raise NotFound
    actor = working.principal(command.actor_id)
    if actor is not None and not sees_task(actor, task, working.paths[task.department_id]):
        raise NotFound
    if command.expected_version is not None and command.expected_version != task.version:
        raise VersionConflict(extra={"current": task_view(task)})
    return task


def _person(field: str, user_id: int, working: WorkingSet) -> User:
    """The account a member names. Raises Invalid for one that is absent or deleted."""
    user = working.users.get(user_id)
    if user is None or user.deleted_at is not None:
        raise _invalid(field, "names no user")
    return user


def _require_assignable(user_id: int, task: Task | None, command: Command, working: WorkingSet) -> None:
    """Raise Invalid for an account that is not there for the actor: it is elsewhere, and not one that the task names
    already. So a task can be handed back to whoever sent it, and nobody learns whom other departments have."""
    _person("assignedToUserId", user_id, working)
    actor = working.principal(command.actor_id)
    is_named = task is not None and user_id in (task.created_by_user_id, task.assigned_to_user_id)
    if actor is not None and not is_named and not sees_department(actor, working.places[user_id].path):
        raise _invalid("assignedToUserId", "names no user")


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError(field, message)])


def _decision(status: int, event_type: str, command: Command, before: Task | None, after: Task, path: str) -> Decision:
    body: dict[str, Any] = {
        "type": event_type,
        "entity": "task",
        "id": after.id,
        "version": after.version,
        "departmentId": after.department_id,
        "departmentPath": path,
        "assignedToUserId": after.assigned_to_user_id,
        "requestId": command.request_id,
    } | actor_members(command.actor_id)
    if before is not None and before.assigned_to_user_id != after.assigned_to_user_id:
        # whoever could see it a moment ago has to be told that it is gone
        body["previouslyAssignedToUserId"] = before.assigned_to_user_id
    return Decision(Answer(status, task_view(after)), [Change(before, after)], [Event(body)])
