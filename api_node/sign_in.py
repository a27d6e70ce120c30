"""Signing in, staying signed in and leaving, for every door: one account system, however the answer is wrapped."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from starlette.requests import Request

from api_node.application_keys import is_key
from api_node.attempts import asking_network, registrations_of, require_unblocked, subjects_of
from api_node.authenticate import bearer_token
from api_node.forward import forward, require_fitting_key
from api_node.grants import grant_of, granted, new_session
from api_node.node import Node
from api_node.queries import users
from api_node.reads import answering_database_errors
from api_node.refresh_tokens import RefreshToken, parse
from api_node.signed_in import SignedIn
from api_node.unanswered import Outcome
from shared.account_commands import EndSession, FailedSignIn, OpenSession, RefreshSession, Registration
from shared.common_passwords import is_common
from shared.errors import (
    BadCredentials,
    ConsoleError,
    FieldError,
    Invalid,
    PeopleOnly,
    RegistrationClosed,
    Unauthenticated,
)
from shared.model import User
from shared.password_rules import LENGTH, has_usable_length
from shared.principal import is_effective

log = structlog.get_logger(__name__)


async def register(request: Request, email: str, password: str, raw: bytes) -> tuple[Outcome, dict[str, Any]]:
    """A new account by its e-mail, signed in: what became of the write, and what to show (account and tokens).

    Raises RegistrationClosed, EmailTaken, Invalid, TooManyAttempts; Unauthenticated for a replay by the client's key
    whose sign-in is over.
    """
    node = Node.of(request)
    if node.settings.registration == "closed":
        raise RegistrationClosed
    warnings = require_usable(node, password, email)
    registrations = registrations_of(request)
    await require_unblocked(request, [registrations.subject])
    await require_fitting_key(request, actor=None, raw=raw)
    token = RefreshToken.first()
    new = Registration(
        email=email,
        passwordHash=await node.passwords.hash(password, asked_from=asking_network(request)),
        session=new_session(node, token),
        registrations=registrations,
    )
    outcome = await forward(request, "register-user", new.model_dump(), actor=None, raw=raw)
    if outcome.is_replayed:
        with _applied_before():
            user = await _named(node, email)
            if await _whose_password(request, user, password) is None:
                # the key alone must not open the account for ever after
                raise BadCredentials
            await _require_still_open(node, outcome)
    return outcome, {"user": outcome.data["user"]} | granted(node, grant_of(outcome.data["session"], token), warnings)


async def sign_in(request: Request, name: str, password: str, raw: bytes) -> tuple[Outcome, dict[str, Any]]:
    """Somebody by user name or e-mail (lower case): what became of the write, and what to show.

    Raises BadCredentials, the same after the same work for an account that is unknown, turned off or deleted and for a
    wrong password; TooManyAttempts; Unauthenticated for a replay by the client's key whose sign-in is over.
    """
    node = Node.of(request)
    found = await _named(node, name)
    subjects = subjects_of(request, name, found)
    await require_unblocked(request, [subjects.account, subjects.address])
    await require_fitting_key(request, actor=None, raw=raw)
    user = await _whose_password(request, found, password)
    if user is None:
        failed = FailedSignIn(subjects=subjects)
        await forward(request, "note-failed-sign-in", failed.model_dump(), actor=None, raw=raw, takes_key=False)
        raise BadCredentials
    token = RefreshToken.first()
    opening = OpenSession(
        userId=user.id,
        userEpoch=user.session_epoch,
        session=new_session(node, token),
        subjects=subjects,
        newHash=await _hashed_anew(request, user, password),
    )
    outcome = await forward(request, "open-session", opening.model_dump(), actor=None, raw=raw)
    if outcome.is_replayed:
        with _applied_before():
            await _require_still_open(node, outcome)
    return outcome, {"user": outcome.data["user"]} | granted(node, grant_of(outcome.data["session"], token))


async def refresh(request: Request, refresh_token: str | None) -> dict[str, Any]:
    """New tokens for a refresh token, given or sent as Bearer; it is used up by that.

    Raises Unauthenticated, TokenSuperseded within 10 s of the last refresh of this sign-in, TokenReused later. An
    `Idempotency-Key` has no say: the token is its own.
    """
    node = Node.of(request)
    session_id, token = parse(refresh_token or bearer_token(request) or "")
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
    return granted(node, grant_of(outcome.data["session"], next_token))


async def leave(request: Request, refresh_token: str | None, *, everywhere: bool) -> None:
    """End the sign-in of the access token (Bearer) or of the refresh token, or every one of its person.

    Repeating it is fine. Raises Unauthenticated for no token of ours, and for `everywhere` by one that opens nothing
    any more: of a sign-in that is over, a used refresh token, an access token from before a change of password;
    PeopleOnly for an application's key, which has no sign-in to end.
    """
    node = Node.of(request)
    found = await _who_leaves(request, refresh_token, only_current=everywhere)
    command = EndSession(sessionId=found.session.id, userId=found.user.id, everywhere=everywhere)
    try:
        # without the client's key: the same empty body may come from two sign-ins of one person
        await forward(request, "end-session", command.model_dump(), actor=found.principal(), takes_key=False)
    finally:
        node.sessions.forget_all_of(found.user.id)


def require_usable(node: Node, password: str, name: str, field: str = "password") -> list[FieldError]:
    """Raise Invalid for a password that is too short or too long, and in production for a common one. In development
    the findings about it are returned and logged. `name` is the account's."""
    if not has_usable_length(password):
        raise Invalid(errors=[FieldError(field, f"must have {LENGTH}")])
    if not is_common(password, name):
        return []
    found = [FieldError(field, "is among the first that a guesser tries: choose another one")]
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
    if found is None or not found.holds(node.clock.now()):
        raise Unauthenticated


async def _named(node: Node, name: str) -> User | None:
    """The account of a login name, if it may act at all."""
    async with answering_database_errors():
        person = await users.by_login_name(node.engine, name)
    return person[0] if person is not None and is_effective(*person) else None


async def _whose_password(request: Request, user: User | None, password: str) -> User | None:
    """The account, if the password is right; the same work if it is not, or if there is no such account."""
    stored = user.password if user else None
    is_right = await Node.of(request).passwords.verify(stored, password, asked_from=asking_network(request))
    return user if is_right else None


async def _hashed_anew(request: Request, user: User, password: str) -> str | None:
    """A new hash of a right password, where the stored one was made with less work than we spend today."""
    passwords = Node.of(request).passwords
    if not passwords.is_outdated(user.password):
        return None
    return await passwords.hash(password, asked_from=asking_network(request))


async def _of_family(node: Node, session_id: int, token: RefreshToken) -> SignedIn:
    """The session a refresh token belongs to, over or not. One read: a made-up token costs no write."""
    found = await node.sessions.read(session_id)
    if found is None or found.session.family_hash != token.family_hash:
        raise Unauthenticated
    return found


async def _who_leaves(request: Request, refresh_token: str | None, *, only_current: bool) -> SignedIn:
    """The sign-in of a token. An old one suffices to end that, unless it shall be `only_current`: whoever found one
    must not sign the person out everywhere."""
    node = Node.of(request)
    if refresh_token is not None:
        session_id, token = parse(refresh_token)
        found = await _of_family(node, session_id, token)
        if only_current and found.session.current_hash != token.token_hash:
            raise Unauthenticated
        return found
    bearer = bearer_token(request)
    if bearer is None:
        raise Unauthenticated
    if is_key(bearer):
        raise PeopleOnly
    named = node.tokens.read(bearer)
    by_session = await node.sessions.read(named.session_id)
    if by_session is None or by_session.user.id != named.user_id:
        raise Unauthenticated
    if only_current and by_session.user.session_epoch != named.epoch:
        raise Unauthenticated
    return by_session
