"""`/v1/roles` and `/v1/permissions` (seed 004)."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api_node.forward import forward
from api_node.node import Node
from api_node.operators.answers import applied, listed, shown, shown_with_tag
from api_node.parameters import numbered_page, path_id, query_version, require_known, search_text, seen_version
from api_node.queries import roles
from api_node.reads import answering_database_errors
from shared.commands import CommandData, OnOrOff, Version, validated
from shared.errors import NotFound
from shared.http.body import read_json
from shared.organisation import permission_view, role_view
from shared.organisation_commands import NewRole
from shared.principal import Principal

OF_A_LIST: Final = ("page", "size", "keyword")


class RoleBody(NewRole):
    """The body of a PUT: as for a new one, and the version it was decided on. An absent description stays."""

    version: Version | None = None


class PermissionBody(CommandData):
    """On or off, and the version it was decided on."""

    status: OnOrOff
    version: Version | None = None


async def list_roles(request: Request, viewer: Principal) -> Response:
    """200 with `{list, total, page, size}`, the oldest first. 422 naming a wrong parameter."""
    require_known(request, OF_A_LIST)
    asked, keyword = numbered_page(request), search_text(request, "keyword")
    async with answering_database_errors():
        page = await roles.page(Node.of(request).engine, keyword, page_size=asked.size, page_number=asked.number)
    return listed([role_view(role) for role in page.roles], asked, total=page.total, total_is_capped=False)


async def get_role(request: Request, viewer: Principal) -> Response:
    """200 with the role and its ETag; `permissions` are ids."""
    async with answering_database_errors():
        found = await roles.by_id(Node.of(request).engine, path_id(request))
    if found is None:
        raise NotFound
    return shown_with_tag(role_view(found))


async def create_role(request: Request, actor: Principal) -> Response:
    """200 with the role. 403 for a permission that the one who grants it lacks, 409 role_name_taken, 422."""
    body, raw = await read_json(request)
    new = validated(NewRole, body)
    return applied(await forward(request, "create-role", new.model_dump(), actor=actor, raw=raw))


async def change_role(request: Request, actor: Principal) -> Response:
    """200 with the changed role, which everybody who has it feels within seconds.

    403 for one that grants, or would grant, more than the actor may, that somebody outside their department has, or
    that is built in (but for an administrator); 404, 409 role_name_taken, built_in, and with `current` for a stale
    `version`; 412 for a stale `If-Match`, 422.
    """
    role_id = path_id(request)
    body, raw = await read_json(request)
    change = validated(RoleBody, body)
    patch = {"roleId": role_id, "updates": change.model_dump(exclude_unset=True, exclude={"version"})}
    version = seen_version(request, change.version)
    return applied(await forward(request, "update-role", patch, actor=actor, raw=raw, expected_version=version))


async def delete_role(request: Request, actor: Principal) -> Response:
    """200 with the role that is gone. 403 as for a change; 404, 409 in_use with `usedBy`, built_in, and for a stale
    `?version=`."""
    reference = {"roleId": path_id(request)}
    version = query_version(request)
    return applied(await forward(request, "delete-role", reference, actor=actor, expected_version=version))


async def list_permissions(request: Request, viewer: Principal) -> Response:
    """200 with every permission there is, in the order of the ids."""
    require_known(request, ())
    async with answering_database_errors():
        found = await roles.permissions(Node.of(request).engine)
    return shown([permission_view(permission) for permission in found])


async def change_permission(request: Request, actor: Principal) -> Response:
    """200 with the permission, on or off for everybody. 403 for anybody but an administrator, 404, 409 built_in and
    with `current` for a stale `version`, 412, 422."""
    permission_id = path_id(request)
    body, raw = await read_json(request)
    change = validated(PermissionBody, body)
    patch = {"permissionId": permission_id, "status": change.status}
    version = seen_version(request, change.version)
    return applied(await forward(request, "update-permission", patch, actor=actor, raw=raw, expected_version=version))
