"""`/v1/users` (seed 004): accounts of the viewer's department and below."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api_node.attempts import asking_network
from api_node.console.auth import NewPasswordText
from api_node.console.users import seen_person
from api_node.forward import forward, require_fitting_key
from api_node.node import Node
from api_node.operators.answers import applied, listed, shown, shown_with_tag
from api_node.own_password import proof
from api_node.parameters import (
    numbered_page,
    optional_id,
    path_id,
    query_version,
    require_known,
    search_text,
    seen_version,
)
from api_node.queries import users
from api_node.queries.users import UserFilter
from api_node.reads import answering_database_errors
from api_node.sign_in import require_usable
from shared.account_commands import Profile
from shared.commands import CommandData, Version, validated
from shared.errors import Forbidden
from shared.http.body import read_json
from shared.model import user_view
from shared.principal import Principal

OF_A_LIST: Final = ("page", "size", "departmentId", "keyword")


class NewUserBody(Profile):
    """What a new account takes."""

    password: NewPasswordText


class UserBody(Profile):
    """The body of a PUT: as for a new one, the password left out where it stays, and the version it was decided on. An
    absent e-mail or phone stays."""

    password: NewPasswordText = ""
    version: Version | None = None


class PasswordBody(CommandData):
    """A new password for one's own account, by showing the old one."""

    oldPassword: str
    newPassword: NewPasswordText


async def list_users(request: Request, viewer: Principal) -> Response:
    """200 with `{list, total, page, size}`, newest first. 422 naming a wrong parameter.

    `?departmentId=` is exactly that one; `?keyword=` is looked for in user names, real names and e-mails.
    """
    require_known(request, OF_A_LIST)
    asked = numbered_page(request)
    wanted = UserFilter(search_text(request, "keyword"), department_id=optional_id(request, "departmentId"))
    async with answering_database_errors():
        page = await users.page(Node.of(request).engine, viewer, wanted, page_size=asked.size, page_number=asked.number)
    views = [user_view(*person) for person in page.people]
    return listed(views, asked, total=page.total, total_is_capped=page.total_is_capped)


async def get_user(request: Request, viewer: Principal) -> Response:
    """200 with the account and its ETag; 404 for one this person does not see."""
    return shown_with_tag(user_view(*await seen_person(request, viewer)))


async def create_user(request: Request, actor: Principal) -> Response:
    """200 with the account. 403 for a role that may do more than the one who gives it, 409 username_taken or
    email_taken, 422."""
    body, raw = await read_json(request)
    given = validated(NewUserBody, body)
    require_usable(Node.of(request), given.password, given.email or given.username)
    await require_fitting_key(request, actor=actor, raw=raw)
    new = given.model_dump(exclude={"password"}) | {"passwordHash": await _hashed(request, given.password)}
    return applied(await forward(request, "create-user", new, actor=actor, raw=raw))


async def change_user(request: Request, actor: Principal) -> Response:
    """200 with the changed account. With a `password` somebody else's is set anew, which signs them out everywhere.

    403 for an account or a role that may do more than the one who changes it, and for one's own e-mail or password
    (which want the old password); 404, 409 username_taken, email_taken, last_administrator, and with `current` for a
    stale `version`, 412 for a stale `If-Match`, 422.
    """
    user_id = path_id(request)
    body, raw = await read_json(request)
    change = validated(UserBody, body)
    updates = change.model_dump(exclude_unset=True, exclude={"version", "password"})
    patch: dict[str, Any] = {"userId": user_id, "updates": updates}
    if "password" in change.model_fields_set:
        if user_id == actor.id:
            raise Forbidden("your own password is changed by showing the old one: PATCH /v1/users/{id}/password")
        require_usable(Node.of(request), change.password, change.email or change.username)
        await require_fitting_key(request, actor=actor, raw=raw)
        await seen_person(request, actor)
        patch["resetHash"] = await _hashed(request, change.password)
    try:
        outcome = await forward(
            request, "update-user", patch, actor=actor, raw=raw, expected_version=seen_version(request, change.version)
        )
    finally:
        Node.of(request).sessions.forget_all_of(user_id)
    return applied(outcome)


async def delete_user(request: Request, actor: Principal) -> Response:
    """200 with the account that is gone, signed out everywhere. Its names stay taken. 403 for one's own and for one
    that may do more, 404, 409 last_administrator and for a stale `?version=`."""
    user_id = path_id(request)
    try:
        outcome = await forward(
            request, "delete-user", {"userId": user_id}, actor=actor, expected_version=query_version(request)
        )
    finally:
        Node.of(request).sessions.forget_all_of(user_id)
    return applied(outcome)


async def change_password(request: Request, actor: Principal) -> Response:
    """200: one's own password is another one, and every other sign-in is over. 403 for somebody else's, 404, 422 for a
    wrong `oldPassword`, which is counted, 429."""
    user_id = path_id(request)
    body, raw = await read_json(request)
    given = validated(PasswordBody, body)
    user, _ = await seen_person(request, actor)
    if user_id != actor.id:
        raise Forbidden("somebody else's password is set anew: PUT /v1/users/{id}")
    await require_fitting_key(request, actor=actor, raw=raw)
    told = await proof(request, user, given.oldPassword, new_password=given.newPassword, field="newPassword")
    try:
        patch = {"userId": user_id, "updates": {}} | told
        await forward(request, "update-user", patch, actor=actor, raw=raw)
    finally:
        Node.of(request).sessions.forget_all_of(user_id)
    return shown(None)


async def _hashed(request: Request, password: str) -> str:
    return await Node.of(request).passwords.hash(password, asked_from=asking_network(request))
