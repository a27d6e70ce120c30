"""`/v1/applications`: programs with keys of their own, in the viewer's department and below."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api_node.application_keys import Secret
from api_node.forward import forward, written
from api_node.grants import NOT_TO_BE_KEPT
from api_node.node import Node
from api_node.operators.answers import applied, listed, shown, shown_with_tag
from api_node.parameters import (
    numbered_page,
    optional_id,
    path_id,
    query_version,
    require_known,
    search_text,
    seen_version,
)
from api_node.queries import applications
from api_node.queries.applications import KnownApplication
from api_node.reads import answering_database_errors
from api_node.unanswered import Outcome
from shared.application_commands import ApplicationProfile
from shared.applications import application_view
from shared.commands import Version, validated
from shared.errors import NotFound
from shared.http.body import read_json
from shared.policy import sees_application
from shared.principal import Principal

OF_A_LIST: Final = ("page", "size", "departmentId", "keyword")


class ApplicationBody(ApplicationProfile):
    """The body of a PUT: as for a new one, and the version it was decided on. An absent description or expiry stays."""

    version: Version | None = None


async def list_applications(request: Request, viewer: Principal) -> Response:
    """200 with `{list, total, page, size}`, newest first. 422 naming a wrong parameter.

    `?departmentId=` is exactly that one; `?keyword=` is looked for in names.
    """
    require_known(request, OF_A_LIST)
    asked, keyword = numbered_page(request), search_text(request, "keyword")
    department_id = optional_id(request, "departmentId")
    async with answering_database_errors():
        page = await applications.page(
            Node.of(request).engine, viewer, keyword, department_id, page_size=asked.size, page_number=asked.number
        )
    views = [_view(known) for known in page.applications]
    return listed(views, asked, total=page.total, total_is_capped=page.total_is_capped)


async def get_application(request: Request, viewer: Principal) -> Response:
    """200 with the application and its ETag; 404 for one that whoever asks does not see. An application sees itself.

    `secrets` are the live ones, without the secret itself; `lastUsedAt` is exact to about a minute, and no new version.
    """
    return shown_with_tag(_view(await seen_application(request, viewer)))


async def create_application(request: Request, actor: Principal) -> Response:
    """200 with the application and its first `key`, which is shown here and never again: send it as
    `Authorization: Bearer KEY`.

    403 for a scope that the one who gives it lacks, 422. A replay by the client's key has null for `key`.
    """
    body, raw = await read_json(request)
    new, secret = validated(ApplicationProfile, body), Secret.fresh()
    data = new.model_dump() | {"secretHash": secret.hash}
    return _with_key(await forward(request, "create-application", data, actor=actor, raw=raw), secret)


async def change_application(request: Request, actor: Principal) -> Response:
    """200 with the changed application; what its keys may do is another thing within seconds, everywhere.

    403 for a scope that the actor lacks, and for an application that has one; 404, 409 with `current` for a stale
    `version`, 412 for a stale `If-Match`, 422.
    """
    application_id = path_id(request)
    body, raw = await read_json(request)
    change = validated(ApplicationBody, body)
    updates = change.model_dump(exclude_unset=True, exclude={"version"})
    patch = {"applicationId": application_id, "updates": updates}
    version = seen_version(request, change.version)
    return applied(await _changed(request, "update-application", patch, actor, raw=raw, version=version))


async def delete_application(request: Request, actor: Principal) -> Response:
    """200 with the application that is gone, and all of its keys with it. 403 for one that may do more than the actor,
    404, 409 for a stale `?version=`."""
    reference = {"applicationId": path_id(request)}
    version = query_version(request)
    return applied(await _changed(request, "delete-application", reference, actor, version=version))


async def add_secret(request: Request, actor: Principal) -> Response:
    """200 with the application and a second `key`, shown here and never again. The first one goes on: change your
    program over, then revoke it.

    403 for an application that may do more than the actor, 404, 409 too_many_secrets when two are live. A replay by the
    client's key has null for `key`.
    """
    secret = Secret.fresh()
    new = {"applicationId": path_id(request), "secretHash": secret.hash}
    version = query_version(request)
    return _with_key(await _changed(request, "add-secret", new, actor, version=version), secret)


async def revoke_secret(request: Request, actor: Principal) -> Response:
    """200 with the application: the key with this secret opens nothing any more, on any node within seconds.

    403 for an application that may do more than the actor, 404 for an application or a live secret that is not there.
    """
    reference = {"applicationId": path_id(request), "secretId": path_id(request, "secretId")}
    version = query_version(request)
    return applied(await _changed(request, "revoke-secret", reference, actor, version=version))


async def seen_application(request: Request, viewer: Principal) -> KnownApplication:
    """The application in the path, if it exists for whoever asks. Raises NotFound, DatabaseUnavailable."""
    found = await Node.of(request).applications.read(path_id(request))
    if found is None or not sees_application(viewer, found.application, found.place.path):
        raise NotFound
    return found


async def _changed(
    request: Request, command: str, data: dict[str, Any], actor: Principal, *, version: int | None, raw: bytes = b""
) -> Outcome:
    """What became of a command about the application in the path, which this node then knows nothing of any more."""
    try:
        return await forward(request, command, data, actor=actor, raw=raw, expected_version=version)
    finally:
        Node.of(request).applications.forget(path_id(request))


def _with_key(outcome: Outcome, secret: Secret) -> Response:
    """The stored answer knows a digest only: if it is that of the secret made here, the key is shown, else it went to
    whoever asked first."""
    view = dict(outcome.data)
    key = secret.key_of(view["id"]) if view.pop("secretHash") == secret.hash else None
    return shown(view | {"key": key}, written(outcome) | NOT_TO_BE_KEPT)


def _view(known: KnownApplication) -> dict[str, Any]:
    return application_view(known.application, known.place, known.secrets)
