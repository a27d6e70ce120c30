"""Showing one's own present password, and setting the next one. A stolen access token must not become a way to guess
it, so a wrong one is sent, too: to be counted, unless it is the repetition of a change that was applied."""

from typing import Any

from starlette.requests import Request

from api_node.attempts import asking_network, own_password_subject, require_unblocked
from api_node.authenticate import session_of
from api_node.node import Node
from api_node.sign_in import require_usable
from shared.account_commands import NewPassword, PasswordCheck, Registrations
from shared.model import User


async def proof(
    request: Request,
    user: User,
    shown: str,
    *,
    new_password: str | None = None,
    field: str = "password",
    registrations: Registrations | None = None,
) -> dict[str, Any]:
    """The members of update-user that go along with a change which wants the present password of `user`, who asks.

    `registrations` is for a new e-mail. Raises Invalid for a new password that cannot be used, TooManyAttempts.
    """
    node, subject = Node.of(request), own_password_subject(request, user)
    told: dict[str, Any] = {}
    blocking = [subject]
    if new_password is not None:
        require_usable(node, new_password, user.email or user.username, field)
    if registrations is not None:
        told["registrations"] = registrations.model_dump()
        blocking += [registrations.subject]
    await require_unblocked(request, blocking)
    network = asking_network(request)
    is_right = await node.passwords.verify(user.password, shown, asked_from=network)
    check = PasswordCheck(isRight=is_right, userEpoch=user.session_epoch, subject=subject)
    if is_right and new_password is not None:
        password_hash = await node.passwords.hash(new_password, asked_from=network)
        new = NewPassword(passwordHash=password_hash, sessionId=session_of(request).id)
        told["newPassword"] = new.model_dump()
    return told | {"check": check.model_dump()}
