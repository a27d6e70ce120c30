"""The node's half of slowing down whoever fails to sign in (docs/adr/0015): whom an attempt is counted against, and a
look before any work is spent on it. The counting is the queue service's, so N nodes do not grant N times the attempts.
"""

import hashlib
import hmac
from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from typing import Final

from starlette.requests import Request

from api_node.node import Node
from api_node.queries import sessions
from api_node.reads import answering_database_errors
from shared.account_commands import Registrations, SignInSubjects
from shared.errors import TooManyAttempts
from shared.http.client import client_address
from shared.model import User
from shared.throttling import blocked_for_s

_HOST_BITS: Final = 64


def subjects_of(request: Request, name: str, user: User | None) -> SignInSubjects:
    """Whom an attempt to sign in as `name` is counted against: the account, whichever of its names was used, or the
    name where there is none."""
    account = f"account-id:{user.id}" if user else f"account:{name}"
    return SignInSubjects(account=_digest(request, account), address=_of_address(request, "sign-in"))


def own_password_subject(request: Request, user: User) -> str:
    """Whom a check of `user`'s current password is counted against, by somebody signed in as them. Not the account that
    strangers sign in to, nor the address: their guesses must not keep the owner from changing the password."""
    return _digest(request, f"current-password:{user.id}")


def registrations_of(request: Request) -> Registrations:
    """Whom a registration is counted against, and a new e-mail of one's own."""
    free = Node.of(request).settings.registrations_per_hour
    return Registrations(subject=_of_address(request, "registration"), free=free)


async def require_unblocked(request: Request, subjects: Collection[str]) -> None:
    """Raise TooManyAttempts, with the time to wait, if any of them is blocked; DatabaseUnavailable."""
    node = Node.of(request)
    async with answering_database_errors():
        found = await sessions.throttles(node.engine, subjects)
    if wait_s := blocked_for_s(found, node.clock.now()):
        raise TooManyAttempts(retry_after_s=wait_s)


def asking_network(request: Request) -> str:
    """The IPv4 address a request comes from; of an IPv6 one the first half, since its owner has all of the second."""
    address = client_address(request.scope, Node.of(request).settings.trusted_networks)
    parsed = ip_address(address) if address else None
    return str(IPv6Address(int(parsed) >> _HOST_BITS << _HOST_BITS)) if isinstance(parsed, IPv6Address) else address


def _of_address(request: Request, attempt: str) -> str:
    return _digest(request, f"{attempt}:{asking_network(request)}")


def _digest(request: Request, subject: str) -> str:
    """Keyed: addresses are few enough to be guessed from a plain hash."""
    secret = Node.of(request).settings.queue_secret
    return hmac.digest(b"throttle:" + secret.encode(), subject.encode(), hashlib.sha256).hex()
