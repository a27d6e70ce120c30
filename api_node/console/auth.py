"""`/api/auth` (seed 000): register, login, refresh, logout, me."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import structlog
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api_node.attempts import asking_network, registrations_of, require_unblocked, subjects_of
from api_node.authenticate import bearer_token
from api_node.common_passwords import is_common
from api_node.forward import forward, require_fitting_key, written
from api_node.grants import NOT_TO_BE_KEPT, grant_of, granted, new_session
from api_node.node import Node
from api_node.passwords import MAX_BYTES, MIN_CHARACTERS
from api_node.queries import users
from api_node.reads import answering_database_errors
from api_node.refresh_tokens import RefreshToken, parse
from api_node.sessions import SignedIn
from api_node.unanswered import Outcome
from shared.account_commands import EndSession, FailedSignIn, NewUser, OpenSession, RefreshSession
from shared.commands import CommandData, Email, validated
from shared.envelopes import success
from shared.errors import BadCredentials, ConsoleError, FieldError, Invalid, RegistrationClosed, Unauthenticated
from shared.http.body import read_json
from shared.http.context import JsonResponse
from shared.model import User, user_view
from shared.policy import is_signed_in

log = structlog.get_logger(__name__)


# said in the document alone: `require_usable` checks it, and more
NewPasswordText = Annotated[str, Field(json_schema_extra={"minLength": MIN_CHARACTERS, "maxLength": MAX_BYTES})]


class Credentials(CommandData):
    """What login takes."""

    email: Email
    password: str


class NewCredentials(Credentials):
    """What register takes."""

    password: NewPasswordText


class RefreshBody(CommandData):
    """What refresh takes, where the token is not the bearer."""

    refreshToken: str | None = None


class LogoutBody(RefreshBody):
    """What logout takes. `everywhere` ends every session of the person."""

    everywhere: bool = False


async def register(request: Request) -> Response:
    """201 with the account, signed in. 403 registration_closed, 409 email_taken, 422, 429 too_many_attempts.

    The first account ever is the administrator. A replay by the client's key shows no refresh token again, and is 401
    once the sign-in is over.
    """
    node = Node.of(request)
    body, raw = await read_json(request)
    given = validated(NewCredentials, body)
    if node.settings.registration == "closed":
        raise RegistrationClosed
    warnings = require_usable(node, given.password, given.email)
    registrations = registrations_of(request)
    await require_unblocked(request, [registrations.subject])
    await require_fitting_key(request, actor=None, raw=raw)
    token = RefreshToken.first()
    new = NewUser(
        email=given.email,
        passwordHash=await node.passwords.hash(given.password, asked_from=asking_network(request)),
        session=new_session(node, token),
        registrations=registrations,
    )
    outcome = await forward(request, "create-user", new.model_dump(), actor=None, raw=raw)
    if outcome.is_replayed:
        with _applied_before():
            if await _whose_password(request, given) is None:
                # the key alone must not open the account for ever after
                raise BadCredentials
            await _require_still_open(node, outcome)
    shown = {"user": outcome.data["user"]} | granted(node, grant_of(outcome.data["session"], token), warnings)
    return JsonResponse(success(shown), outcome.status, written(outcome) | NOT_TO_BE_KEPT)


async def login(request: Request) -> Response:
    """200 with the account, an access token and a refresh token. 401 bad_credentials, 429 too_many_attempts.

    The same answer after the same work for an unknown account, a wrong password and a deleted account. A replay by the
    client's key shows no refresh token again, and is 401 once the sign-in is over.
    """
    node = Node.of(request)
    body, raw = await read_json(request)
    given = validated(Credentials, body)
    subjects = subjects_of(request, given.email)
    await require_unblocked(request, [subjects.account, subjects.address])
    await require_fitting_key(request, actor=None, raw=raw)
    user = await _whose_password(request, given)
    if user is None:
        failed = FailedSignIn(subjects=subjects)
        await forward(request, "note-failed-sign-in", failed.model_dump(), actor=None, raw=raw, takes_key=False)
        raise BadCredentials
    token = RefreshToken.first()
    opening = OpenSession(
        userId=user.id, userEpoch=user.session_epoch, session=new_session(node, token), subjects=subjects
    )
    outcome = await forward(request, "open-session", opening.model_dump(), actor=None, raw=raw)
    if outcome.is_replayed:
        with _applied_before():
            await _require_still_open(node, outcome)
    shown = {"user": outcome.data["user"]} | granted(node, grant_of(outcome.data["session"], token))
    return JsonResponse(success(shown), outcome.status, written(outcome) | NOT_TO_BE_KEPT)


async def refresh(request: Request) -> Response:
    """200 with new tokens for a refresh token, sent as `refreshToken` or as Bearer; it is used up by that.

    401 unauthenticated; token_superseded within 10 s of the last refresh of this sign-in, by another tab perhaps;
    token_reused later, and the sign-in has ended. An `Idempotency-Key` has no say: the token is its own.
    """
    node = Node.of(request)
    body, _ = await _body_or_nothing(request)
    given = validated(RefreshBody, body)
    session_id, token = parse(given.refreshToken or bearer_token(request) or "")
    signed_in = await _of_family(node, session_id, token)
    next_token = token.next()
    command = RefreshSession(
        sessionId=session_id,
        userId=signed_in.user.id,
        familyHash=token.family_hash,
        tokenHash=token.token_hash,
        nextHash=next_token.token_hash,
    )
    try:
        outcome = await forward(request, "refresh-session", command.model_dump(), actor=None, takes_key=False)
    finally:
        node.sessions.forget(session_id)
    grant = grant_of(outcome.data["session"], next_token)
    return JsonResponse(success(granted(node, grant)), headers=NOT_TO_BE_KEPT)


async def logout(request: Request) -> Response:
    """200: the sign-in of the access token (Bearer) or of the `refreshToken` is over, here or `everywhere`.

    Repeating it is 200, too. 401 for no token of ours, and for `everywhere` by one that is over itself. An
    `Idempotency-Key` has no say: the same empty body may come from two sign-ins of one person.
    """
    node = Node.of(request)
    body, _ = await _body_or_nothing(request)
    given = validated(LogoutBody, body)
    found = await _who_leaves(request, given.refreshToken)
    command = EndSession(sessionId=found.session.id, userId=found.user.id, everywhere=given.everywhere)
    try:
        await forward(request, "end-session", command.model_dump(), actor=found.user, takes_key=False)
    finally:
        node.sessions.forget_all_of(found.user.id)
    return JsonResponse(success({}))


async def get_me(_request: Request, viewer: User) -> Response:
    """200 with the account that asks, as login shows it."""
    return JsonResponse(success({"user": user_view(viewer)}))


def require_usable(node: Node, password: str, email: str) -> list[FieldError]:
    """Raise Invalid for a password that is too short or too long, and in production for a common one. In development
    the findings about it are returned and logged."""
    if len(password) < MIN_CHARACTERS or len(password.encode()) > MAX_BYTES:
        limits = f"must have at least {MIN_CHARACTERS} characters and at most {MAX_BYTES} bytes"
        raise Invalid(errors=[FieldError("password", limits)])
    if not is_common(password, email):
        return []
    found = [FieldError("password", "is among the first that a guesser tries: choose another one")]
    if node.settings.is_production:
        raise Invalid(errors=found)
    log.warning("common_password", detail="production would refuse it")
    return found


@contextmanager
def _applied_before() -> Iterator[None]:
    """Whatever is refused inside is refused now, but the write it asks about happened."""
    try:
        yield
    except ConsoleError as refusal:
        refusal.outcome = "applied"
        raise


async def _require_still_open(node: Node, outcome: Outcome) -> None:
    """Raise Unauthenticated for a sign-in that ended since it was first answered: its tokens would open nothing."""
    found = await node.sessions.read(outcome.data["session"]["id"])
    if found is None or not is_signed_in(found.session, found.user, node.clock.now()):
        raise Unauthenticated


async def _whose_password(request: Request, given: Credentials) -> User | None:
    """The account, if the password is right; the same work if it is not, or if there is no such account."""
    node = Node.of(request)
    async with answering_database_errors():
        user = await users.by_email(node.engine, given.email)
    known = user if user is not None and user.deleted_at is None else None
    stored = known.password if known else None
    is_right = await node.passwords.verify(stored, given.password, asked_from=asking_network(request))
    return known if is_right else None


async def _body_or_nothing(request: Request) -> tuple[Any, bytes]:
    """The body; an empty object for a request that has none, since a token may come as Bearer."""
    headers: Mapping[str, str] = request.headers
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return await read_json(request) if has_body else ({}, b"")


async def _of_family(node: Node, session_id: int, token: RefreshToken) -> SignedIn:
    """The session a refresh token belongs to, over or not. One read: a made-up token costs no write."""
    found = await node.sessions.read(session_id)
    if found is None or found.session.family_hash != token.family_hash:
        raise Unauthenticated
    return found


async def _who_leaves(request: Request, refresh_token: str | None) -> SignedIn:
    """The session of the token, over or not. Raises Unauthenticated for no token of ours."""
    node = Node.of(request)
    if refresh_token is not None:
        return await _of_family(node, *parse(refresh_token))
    bearer = bearer_token(request)
    if bearer is None:
        raise Unauthenticated
    named = node.tokens.read(bearer)
    found = await node.sessions.read(named.session_id)
    if found is None or found.user.id != named.user_id:
        raise Unauthenticated
    return found
