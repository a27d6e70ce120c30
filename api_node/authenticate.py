"""Who is asking: from a bearer token to an account that is still there.

The account is read by key from the primary and believed for at most three seconds, so a deleted or demoted person
loses access within that time on every node. A database that does not answer is a 503, never an open door.
"""

from typing import Final

from starlette.requests import Request

from api_node.node import Node
from api_node.queries import users
from api_node.reads import answering_database_errors
from shared.clock import Clock
from shared.errors import Unauthenticated
from shared.model import User

BELIEVED_FOR_S: Final = 3.0
MAX_REMEMBERED: Final = 10_000


class AccountCache:
    """Accounts read a moment ago, oldest first; bounded in age and number."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read: dict[int, tuple[float, User]] = {}

    def get(self, user_id: int) -> User | None:
        """The account, if it was read within the last three seconds."""
        found = self._read.get(user_id)
        return found[1] if found and self._clock.monotonic() - found[0] < BELIEVED_FOR_S else None

    def put(self, user: User) -> None:
        self._read.pop(user.id, None)
        if len(self._read) >= MAX_REMEMBERED:
            del self._read[next(iter(self._read))]
        self._read[user.id] = (self._clock.monotonic(), user)


async def authenticate(request: Request) -> User:
    """The account behind the request's bearer token. Raises Unauthenticated, DatabaseUnavailable."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    node = Node.of(request)
    user_id = node.tokens.read(token.strip())
    cache: AccountCache = request.app.state.accounts
    user = cache.get(user_id)
    if user is None:
        async with answering_database_errors():
            user = await users.by_id(node.engine, user_id)
        if user is None:
            raise Unauthenticated
        cache.put(user)
    if user.deleted_at is not None:
        raise Unauthenticated
    return user
