"""`/api/tasks` (seed 000): list, count, read, create, change, delete."""

from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response

from api_node.console.task_query import read_filter, read_list
from api_node.forward import etag, forward, is_unchanged, written
from api_node.node import Node
from api_node.parameters import path_id, query_version, seen_version
from api_node.queries import task_stats, tasks
from api_node.reads import answering_database_errors
from shared.commands import TaskFields, TaskUpdates, Version, validated
from shared.envelopes import success
from shared.errors import FieldError, Invalid, NotFound
from shared.http.body import read_json
from shared.http.context import JsonResponse
from shared.model import Status, task_view
from shared.principal import Principal


class TaskChange(TaskUpdates):
    """The body of a PATCH: the members to change, and the version they were decided on."""

    version: Version | None = None


async def list_tasks(request: Request, viewer: Principal) -> Response:
    """200 with `{tasks, total, page, pageSize, nextCursor}`, newest first, as this person sees the board.

    Filters: `?status=&category=&tag=&assignee=&creator=&q=`; order: `?sort=`; `?page=&pageSize=` or
    `?cursor=&pageSize=`, the cursor with the filters and the order it came from. 422 naming a parameter that is wrong
    or unknown.
    """
    query = read_list(request, viewer)
    async with answering_database_errors():
        page = await tasks.page(
            Node.of(request).engine,
            viewer,
            query.wanted,
            query.order,
            page_size=query.page_size,
            page_number=query.page,
            after=query.after,
        )
    shown: dict[str, Any] = {
        "tasks": [task_view(task) for task in page.tasks],
        "total": page.total,
        "page": query.page,
        "pageSize": query.page_size,
        "nextCursor": query.cursor(page.next),
    }
    return JsonResponse(success(shown | ({"totalIsCapped": True} if page.total_is_capped else {})))


async def get_stats(request: Request, viewer: Principal) -> Response:
    """200 with `{byStatus, byCategory, byAssignee, total}` of one moment, as this person sees the board.

    Takes the filters of the list. `byStatus` has all five. `byCategory` and `byAssignee` (by id) have the hundred with
    most tasks; `uncategorised`, `otherCategories`, `unassigned` and `otherAssignees` count the rest. 422 as for the
    list.
    """
    wanted = read_filter(request, viewer)
    async with answering_database_errors():
        found = await task_stats.stats(Node.of(request).engine, viewer, wanted)
    shown = {
        "byStatus": {status: found.by_status.get(status, 0) for status in get_args(Status)},
        "byCategory": found.by_category.by_name,
        "uncategorised": found.by_category.without,
        "otherCategories": found.by_category.others,
        "byAssignee": found.by_assignee.by_name,
        "unassigned": found.by_assignee.without,
        "otherAssignees": found.by_assignee.others,
        "total": found.total,
    }
    return JsonResponse(success(shown))


async def get_task(request: Request, viewer: Principal) -> Response:
    """200 with the task and its ETag; 304 when `If-None-Match` names it; 404 for one this person does not see."""
    async with answering_database_errors():
        task = await tasks.by_id(Node.of(request).engine, viewer, path_id(request))
    if task is None:
        raise NotFound
    tag = etag(task.version)
    if is_unchanged(request, task.version):
        return Response(status_code=304, headers=tag)
    return JsonResponse(success(task_view(task)), headers=tag)


async def create_task(request: Request, actor: Principal) -> Response:
    """201 with the task, or 202 (`Prefer: respond-async`). 403 for an employee, 422."""
    body, raw = await read_json(request)
    fields = validated(TaskFields, body)
    outcome = await forward(
        request, "create-task", fields.model_dump(exclude_unset=True), actor=actor, raw=raw, may_be_deferred=True
    )
    return JsonResponse(success(outcome.data), outcome.status, written(outcome))


async def change_task(request: Request, actor: Principal) -> Response:
    """200 with the changed task, or 202 (`Prefer: respond-async`). 404, 409 with `current` for a stale `version` in
    body or query, 412 for a stale `If-Match`, 422."""
    task_id = path_id(request)
    body, raw = await read_json(request)
    change = validated(TaskChange, body)
    updates = change.model_dump(exclude_unset=True, exclude={"version"})
    if not updates:
        raise Invalid(errors=[FieldError("body", "names nothing to change")])
    outcome = await forward(
        request,
        "update-task",
        {"taskId": task_id, "updates": updates},
        actor=actor,
        raw=raw,
        expected_version=seen_version(request, change.version),
        may_be_deferred=True,
    )
    return JsonResponse(success(outcome.data), outcome.status, written(outcome))


async def delete_task(request: Request, actor: Principal) -> Response:
    """200 with the deleted task, or 202 (`Prefer: respond-async`). 403 for an employee, 404, 409 for a stale
    `?version=`, 412 for a stale `If-Match`."""
    outcome = await forward(
        request,
        "delete-task",
        {"taskId": path_id(request)},
        actor=actor,
        expected_version=query_version(request),
        may_be_deferred=True,
    )
    return JsonResponse(success(outcome.data), outcome.status, written(outcome))
