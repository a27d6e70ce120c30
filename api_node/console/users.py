"""`/api/users` (seed 000): an administrator lists and changes everybody, a person reads and changes themselves."""

from typing import Any, Final, cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from api_node.attempts import asking_network, own_password_subject, registrations_of, require_unblocked
from api_node.authenticate import session_of
from api_node.console.auth import NewPasswordText, require_usable
from api_node.forward import etag, forward, is_unchanged, require_fitting_key, written
from api_node.node import Node
from api_node.parameters import page_asked, path_id, require_known, seen_version
from api_node.queries import users
from api_node.queries.users import UserFilter
from api_node.reads import answering_database_errors
from shared.account_commands import NewPassword, PasswordCheck, UserUpdates
from shared.commands import Version, validated
from shared.envelopes import success
from shared.errors import FieldError, Forbidden, Invalid, NotFound
from shared.http.body import read_json
from shared.http.context import JsonResponse
from shared.model import Role, User, user_view
from shared.policy import sees_user

OF_A_LIST: Final = ("q", "role", "page", "pageSize", "cursor")
MAX_TEXT: Final = 200
_OF_A_PASSWORD: Final = {"password", "currentPassword"}


class UserChange(UserUpdates):
    """The body of a PATCH: the members to change, and the version they were decided on. A new password wants the old
    one, and so does a new e-mail of one's own."""

    password: NewPasswordText = ""
    currentPassword: str = ""
    version: Version | None = None


async def list_users(request: Request, _viewer: User) -> Response:
    """200 with `{users, total, page, pageSize, nextCursor}`, newest first. 422 naming a wrong parameter.

    `?q=` (in the e-mail) and `?role=`; `?page=&pageSize=` or `?cursor=&pageSize=`.
    """
    require_known(request, OF_A_LIST)
    wanted, asked = _filter(request), page_asked(request)
    async with answering_database_errors():
        page = await users.page(
            Node.of(request).engine,
            wanted,
            page_size=asked.size,
            page_number=asked.number,
            before_id=asked.before_id,
        )
    shown: dict[str, Any] = {
        "users": [user_view(user) for user in page.users],
        "total": page.total,
        "page": asked.number,
        "pageSize": asked.size,
        "nextCursor": asked.cursor(page.next_before_id),
    }
    return JsonResponse(success(shown | ({"totalIsCapped": True} if page.total_is_capped else {})))


async def get_user(request: Request, viewer: User) -> Response:
    """200 with the account and its ETag; 304 when `If-None-Match` names it; 404 for one this person does not see."""
    user = await _seen(request, viewer)
    tag = etag(user.version)
    if is_unchanged(request, user.version):
        return Response(status_code=304, headers=tag)
    return JsonResponse(success(user_view(user)), headers=tag)


async def change_user(request: Request, actor: User) -> Response:
    """200 with the changed account: `email` by its owner with `currentPassword` or by an administrator, `role` by an
    administrator, `password` by its owner with `currentPassword`, which signs out everywhere else.

    Wrong ones are counted, and new e-mails of one's own like registrations. 403, 404, 409 email_taken,
    last_administrator, and with `current` for a stale `version` in body or query, 412 for a stale `If-Match`, 422, 429.
    """
    user_id = path_id(request)
    body, raw = await read_json(request)
    change = validated(UserChange, body)
    given = change.model_fields_set
    if not given - {"version", "currentPassword"}:
        raise Invalid(errors=[FieldError("body", "names nothing to change")])
    updates = change.model_dump(exclude_unset=True, exclude={"version", *_OF_A_PASSWORD})
    patch: dict[str, Any] = {"userId": user_id, "updates": updates}
    if "password" in given or ("email" in given and user_id == actor.id):
        await require_fitting_key(request, actor=actor, raw=raw)
        patch |= await _by_password(request, await _seen(request, actor), actor, change)
    try:
        outcome = await forward(
            request, "update-user", patch, actor=actor, raw=raw, expected_version=seen_version(request, change.version)
        )
    finally:
        Node.of(request).sessions.forget_all_of(user_id)
    return JsonResponse(success(outcome.data), outcome.status, written(outcome))


async def _seen(request: Request, viewer: User) -> User:
    """The account in the path, if it exists for this person. Raises NotFound."""
    async with answering_database_errors():
        user = await users.by_id(Node.of(request).engine, path_id(request))
    if user is None or not sees_user(viewer, user):
        raise NotFound
    return user


async def _by_password(request: Request, user: User, actor: User, change: UserChange) -> dict[str, Any]:
    """What goes along with a change that wants the present password. A stolen token must not become a way to guess it,
    so a wrong one is sent, too: to be counted, unless it is the repetition of a change that was applied."""
    if user.id != actor.id:
        raise Forbidden
    node, subject, given = Node.of(request), own_password_subject(request, user), change.model_fields_set
    told: dict[str, Any] = {}
    blocking = [subject]
    if "password" in given:
        require_usable(node, change.password, user.email)
    if "email" in given:
        registrations = registrations_of(request)
        told["registrations"] = registrations.model_dump()
        blocking += [registrations.subject]
    await require_unblocked(request, blocking)
    network = asking_network(request)
    is_right = await node.passwords.verify(user.password, change.currentPassword, asked_from=network)
    check = PasswordCheck(isRight=is_right, userEpoch=user.session_epoch, subject=subject)
    if is_right and "password" in given:
        password_hash = await node.passwords.hash(change.password, asked_from=network)
        new = NewPassword(passwordHash=password_hash, sessionId=session_of(request).id)
        told["newPassword"] = new.model_dump()
    return told | {"check": check.model_dump()}


def _filter(request: Request) -> UserFilter:
    text, role = request.query_params.get("q"), request.query_params.get("role")
    if text is not None and (not 1 <= len(text) <= MAX_TEXT or "\x00" in text):
        raise Invalid(errors=[FieldError("q", f"must be 1 to {MAX_TEXT} characters")])
    if role is not None and role not in get_args(Role):
        raise Invalid(errors=[FieldError("role", f"must be one of {', '.join(get_args(Role))}")])
    return UserFilter(text, cast(Role | None, role))
