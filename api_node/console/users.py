"""`/api/users` (seed 000): who manages accounts lists and changes them, a person reads and changes themselves."""

from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from api_node.attempts import registrations_of
from api_node.console.auth import NewPasswordText
from api_node.forward import etag, forward, is_unchanged, require_fitting_key, written
from api_node.node import Node
from api_node.own_password import proof
from api_node.parameters import page_asked, path_id, require_known, search_text, seen_version
from api_node.queries import users
from api_node.queries.users import UserFilter
from api_node.reads import answering_database_errors
from shared.account_commands import Phone, RealName
from shared.commands import CommandData, Email, Version, validated
from shared.db.people import Person
from shared.envelopes import success
from shared.errors import FieldError, Forbidden, Invalid, NotFound
from shared.http.body import read_json
from shared.http.context import JsonResponse
from shared.model import user_view
from shared.organisation import ADMINISTRATOR, ADMINISTRATOR_ID, EMPLOYEE, EMPLOYEE_ID
from shared.policy import sees_user
from shared.principal import Principal

OF_A_LIST: Final = ("q", "role", "page", "pageSize", "cursor")
BuiltInRole = Literal["admin", "employee"]
_ID_OF_ROLE: Final[dict[str, int]] = {ADMINISTRATOR: ADMINISTRATOR_ID, EMPLOYEE: EMPLOYEE_ID}
_NOT_WRITTEN_AS_IT_IS: Final = {"version", "role", "password", "currentPassword"}


class UserChanges(CommandData):
    """The members of an account that this door changes."""

    email: Email = ""
    realName: RealName = ""
    phone: Phone | None = None
    role: BuiltInRole = "employee"


class UserChange(UserChanges):
    """The body of a PATCH: the members to change, and the version they were decided on. A new password wants the old
    one, and so does a new e-mail of one's own."""

    password: NewPasswordText = ""
    currentPassword: str = ""
    version: Version | None = None


async def list_users(request: Request, viewer: Principal) -> Response:
    """200 with `{users, total, page, pageSize, nextCursor}`, newest first, of the viewer's department and below. 422
    naming a wrong parameter.

    `?q=` (in the user name, real name or e-mail) and `?role=`; `?page=&pageSize=` or `?cursor=&pageSize=`.
    """
    require_known(request, OF_A_LIST)
    wanted, asked = _filter(request), page_asked(request)
    async with answering_database_errors():
        page = await users.page(
            Node.of(request).engine,
            viewer,
            wanted,
            page_size=asked.size,
            page_number=asked.number,
            before_id=asked.before_id,
        )
    shown: dict[str, Any] = {
        "users": [user_view(*person) for person in page.people],
        "total": page.total,
        "page": asked.number,
        "pageSize": asked.size,
        "nextCursor": asked.cursor(page.next_before_id),
    }
    return JsonResponse(success(shown | ({"totalIsCapped": True} if page.total_is_capped else {})))


async def get_user(request: Request, viewer: Principal) -> Response:
    """200 with the account and its ETag; 304 when `If-None-Match` names it; 404 for one this person does not see."""
    user, place = await seen_person(request, viewer)
    tag = etag(user.version)
    if is_unchanged(request, user.version):
        return Response(status_code=304, headers=tag)
    return JsonResponse(success(user_view(user, place)), headers=tag)


async def change_user(request: Request, actor: Principal) -> Response:
    """200 with the changed account: `realName` and `phone` by its owner or who manages accounts, `email` likewise, by
    its owner with `currentPassword`; `role` by who manages accounts; `password` by its owner with `currentPassword`,
    which signs out everywhere else.

    Wrong ones are counted, and new e-mails of one's own like registrations. 403, 404, 409 email_taken,
    last_administrator, and with `current` for a stale `version` in body or query, 412 for a stale `If-Match`, 422, 429.
    """
    user_id = path_id(request)
    body, raw = await read_json(request)
    change = validated(UserChange, body)
    given = change.model_fields_set
    if not given - {"version", "currentPassword"}:
        raise Invalid(errors=[FieldError("body", "names nothing to change")])
    updates = change.model_dump(exclude_unset=True, exclude=_NOT_WRITTEN_AS_IT_IS)
    if "role" in given:
        updates["roleId"] = _ID_OF_ROLE[change.role]
    patch: dict[str, Any] = {"userId": user_id, "updates": updates}
    if "password" in given or ("email" in given and user_id == actor.id):
        await require_fitting_key(request, actor=actor, raw=raw)
        user, _ = await seen_person(request, actor)
        if user.id != actor.id:
            raise Forbidden
        patch |= await proof(
            request,
            user,
            change.currentPassword,
            new_password=change.password if "password" in given else None,
            registrations=registrations_of(request) if "email" in given else None,
        )
    try:
        outcome = await forward(
            request, "update-user", patch, actor=actor, raw=raw, expected_version=seen_version(request, change.version)
        )
    finally:
        Node.of(request).sessions.forget_all_of(user_id)
    return JsonResponse(success(outcome.data), outcome.status, written(outcome))


async def seen_person(request: Request, viewer: Principal) -> Person:
    """The account in the path, if it exists for this person. Raises NotFound."""
    async with answering_database_errors():
        person = await users.by_id(Node.of(request).engine, path_id(request))
    if person is None or not sees_user(viewer, person[0], person[1].path):
        raise NotFound
    return person


def _filter(request: Request) -> UserFilter:
    role = request.query_params.get("role")
    if role is not None and role not in _ID_OF_ROLE:
        raise Invalid(errors=[FieldError("role", f"must be one of {', '.join(_ID_OF_ROLE)}")])
    return UserFilter(search_text(request, "q"), role_id=_ID_OF_ROLE[role] if role else None)
