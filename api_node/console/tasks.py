"""`/api/tasks` (seed 000): list, read, create, change, delete."""

import base64
import binascii
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_node.forward import etag, forward, is_unchanged, written
from api_node.node import Node
from api_node.queries import tasks
from api_node.reads import answering_database_errors
from shared.commands import TaskFields, TaskUpdates, Version, validated
from shared.envelopes import success
from shared.errors import FieldError, Invalid, NotFound
from shared.http.body import read_json
from shared.http.context import JsonResponse
from shared.model import User, task_view

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
MAX_PAGE = 1_000


class TaskChange(TaskUpdates):
    """The body of a PATCH: the members to change, and the version they were decided on."""

    version: Version | None = None


async def list_tasks(request: Request, viewer: User) -> Response:
    """200 with `{tasks, total, page, pageSize, nextCursor}`, newest first, as this person sees the board.

    `?page=&pageSize=` or `?cursor=&pageSize=`. 422 for a number out of range or a cursor that is not one of ours.
    """
    size = _number(request, "pageSize", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
    number = _number(request, "page", 1, MAX_PAGE)
    before = _cursor_id(request.query_params.get("cursor"))
    async with answering_database_errors():
        page = await tasks.page(Node.of(request).engine, viewer, page_size=size, page_number=number, before_id=before)
    shown: dict[str, Any] = {
        "tasks": [task_view(task) for task in page.tasks],
        "total": page.total,
        "page": number,
        "pageSize": size,
        "nextCursor": _cursor(page.next_before_id),
    }
    return JsonResponse(success(shown | ({"totalIsCapped": True} if page.total_is_capped else {})))


async def get_task(request: Request, viewer: User) -> Response:
    """200 with the task and its ETag; 304 when `If-None-Match` names it; 404 for one this person does not see."""
    async with answering_database_errors():
        task = await tasks.by_id(Node.of(request).engine, viewer, _task_id(request))
    if task is None:
        raise NotFound
    tag = etag(task.version)
    if is_unchanged(request, task.version):
        return Response(status_code=304, headers=tag)
    return JsonResponse(success(task_view(task)), headers=tag)


async def create_task(request: Request, actor: User) -> Response:
    """201 with the task. 403 for an employee, 422."""
    body, raw = await read_json(request)
    fields = validated(TaskFields, body)
    outcome = await forward(request, "create-task", fields.model_dump(exclude_unset=True), actor=actor, raw=raw)
    return JsonResponse(success(outcome.data), outcome.status, written(outcome))


async def change_task(request: Request, actor: User) -> Response:
    """200 with the changed task. 404, 409 with `current` for a stale `version` in body or query, 412 for a stale
    `If-Match`, 422."""
    task_id = _task_id(request)
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
        expected_version=_seen_version(request, change),
    )
    return JsonResponse(success(outcome.data), outcome.status, written(outcome))


async def delete_task(request: Request, actor: User) -> Response:
    """200 with the deleted task. 403 for an employee, 404, 409 for a stale `?version=`, 412 for a stale `If-Match`."""
    outcome = await forward(
        request,
        "delete-task",
        {"taskId": _task_id(request)},
        actor=actor,
        expected_version=_query_version(request),
    )
    return JsonResponse(success(outcome.data), outcome.status, written(outcome))


def _task_id(request: Request) -> int:
    """The id in the path. What is no id names nothing: NotFound."""
    given: str = request.path_params["id"]
    if not (given.isascii() and given.isdigit() and len(given) <= 16 and 0 < int(given) < 2**53):
        raise NotFound
    return int(given)


def _seen_version(request: Request, change: TaskChange) -> int | None:
    """The version a change was decided on, from the body or the query; both must say the same."""
    from_query = _query_version(request)
    if change.version is not None and from_query not in (None, change.version):
        raise Invalid(errors=[FieldError("version", "is not the one in the query")])
    return change.version or from_query


def _query_version(request: Request) -> int | None:
    return _number(request, "version", 0, 2**31 - 1) or None


def _number(request: Request, name: str, default: int, most: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) <= 10 and 1 <= int(given) <= most):
        raise Invalid(errors=[FieldError(name, f"must be a whole number from 1 to {most}")])
    return int(given)


def _cursor(before_id: int | None) -> str | None:
    return None if before_id is None else base64.urlsafe_b64encode(f"before:{before_id}".encode()).decode()


def _cursor_id(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    try:
        name, _, value = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        if name == "before" and value.isascii() and value.isdigit() and len(value) <= 16:
            return int(value)
    except (binascii.Error, UnicodeError):
        pass
    raise Invalid(errors=[FieldError("cursor", "is not one this API gave out: start again without it")])
