"""`/v1/departments` (seed 004): the tree, in the viewer's department and below."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_node.forward import forward
from api_node.node import Node
from api_node.operators.answers import applied, shown, shown_with_tag
from api_node.parameters import path_id, query_version, require_known, search_text, seen_version
from api_node.queries import departments
from api_node.reads import answering_database_errors
from shared.commands import Version, validated
from shared.errors import NotFound
from shared.http.body import read_json
from shared.organisation import Department, department_view
from shared.organisation_commands import NewDepartment
from shared.principal import Principal


class DepartmentBody(NewDepartment):
    """The body of a PUT: as for a new one, and the version it was decided on. An absent description or parent stays."""

    version: Version | None = None


async def list_departments(request: Request, viewer: Principal) -> Response:
    """200 with `{list, tree, total, page, size}`: `list` from the top down, `tree` the same with what is below each
    under `children`. With `?keyword=` those that have it in their name, and no `tree`. 422 for a wrong parameter."""
    require_known(request, ("keyword",))
    keyword = search_text(request, "keyword")
    async with answering_database_errors():
        found = await departments.named_like(Node.of(request).engine, viewer, keyword)
    views = [department_view(department) for department in found]
    page: dict[str, Any] = {"list": views, "total": len(views), "page": 1, "size": len(views)}
    return shown(page if keyword is not None else page | {"tree": _tree(found)})


async def get_department(request: Request, viewer: Principal) -> Response:
    """200 with the department and its ETag; 404 for one this person does not see."""
    async with answering_database_errors():
        found = await departments.by_id(Node.of(request).engine, viewer, path_id(request))
    if found is None:
        raise NotFound
    return shown_with_tag(department_view(found))


async def create_department(request: Request, actor: Principal) -> Response:
    """200 with the department. 403 at the top for anybody but an administrator, 422."""
    body, raw = await read_json(request)
    new = validated(NewDepartment, body)
    return applied(await forward(request, "create-department", new.model_dump(), actor=actor, raw=raw))


async def change_department(request: Request, actor: Principal) -> Response:
    """200 with the changed department; with another parent it moves with all that is below, turned off all below is.

    403 for moving one's own, and for turning off what an administrator stands in; 404, 409 last_administrator and with
    `current` for a stale `version`, 412 for a stale `If-Match`, 422 for a parent below itself.
    """
    department_id = path_id(request)
    body, raw = await read_json(request)
    change = validated(DepartmentBody, body)
    updates = change.model_dump(exclude_unset=True, exclude={"version"})
    version = seen_version(request, change.version)
    patch = {"departmentId": department_id, "updates": updates}
    return applied(await forward(request, "update-department", patch, actor=actor, raw=raw, expected_version=version))


async def delete_department(request: Request, actor: Principal) -> Response:
    """200 with the department that is gone. 404, 409 in_use with `usedBy`, and for a stale `?version=`."""
    version = query_version(request)
    reference = {"departmentId": path_id(request)}
    return applied(await forward(request, "delete-department", reference, actor=actor, expected_version=version))


def _tree(found: Sequence[Department]) -> list[dict[str, Any]]:
    """Each department with those below it; one whose parent is not among them is at the top."""
    nodes = {department.id: department_view(department) | {"children": []} for department in found}
    top: list[dict[str, Any]] = []
    for department in found:
        above = nodes.get(department.parent_id or 0)
        (above["children"] if above else top).append(nodes[department.id])
    return top
