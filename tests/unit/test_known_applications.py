"""What a node remembers of applications: for how long, and what it looks at each time all the same."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api_node.application_keys import Secret
from api_node.applications import Applications
from api_node.queries.applications import KnownApplication
from api_node.queue_client import QueueClient
from api_node.secret_uses import SecretUses
from shared.actor import ApplicationId
from shared.applications import Application, ApplicationSecret, place_of
from shared.db.database import reader_engine
from shared.errors import Unauthenticated
from shared.organisation import OFF, ON
from shared.permissions import ID_OF, Permission
from tests.support.clocks import MovableClock

NOW = datetime.now(UTC)
SCOPES = frozenset({ID_OF[Permission.BOARD_VIEW]})
SECRETS = [Secret.fresh(), Secret.fresh()]
PROGRAM = Application(7, "ci", None, 1, ON, None, None, 1, NOW, NOW, None, SCOPES, SCOPES)


def kept(program: Application, *secrets: ApplicationSecret, is_on: int = ON) -> KnownApplication:
    where = place_of(program, department_name="x", path="/1/", department_enabled=is_on)
    return KnownApplication(program, where, secrets)


def secret(number: int, *, revoked_at: datetime | None = None) -> ApplicationSecret:
    return ApplicationSecret(number, 7, SECRETS[number].hash, revoked_at, NOW, 1, NOW, NOW)


class Read(Applications):
    """Applications of which a test says what the database holds."""

    def __init__(self, path: Path, clock: MovableClock) -> None:
        engine = reader_engine(f"sqlite:///{path / 'none.db'}", 1)
        super().__init__(engine, SecretUses(QueueClient("http://127.0.0.1:9", "", clock), clock), clock)
        self.reads = 0
        self.found: KnownApplication | None = kept(PROGRAM, secret(0), secret(1))

    async def read(self, application_id: int) -> KnownApplication | None:
        self.reads += 1
        return self.found if application_id == PROGRAM.id else None


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def applications(tmp_path: Path, clock: MovableClock) -> Read:
    return Read(tmp_path, clock)


async def test_either_key_is_let_in_as_the_application_itself(applications: Read) -> None:
    for one in SECRETS:
        principal = await applications.of_key(one.key_of(7))
        assert (principal.id, set(principal.permissions)) == (ApplicationId(7), {Permission.BOARD_VIEW})
        assert (principal.is_global, principal.sees_assigned_only) == (False, False)
    assert applications.reads == 1


GONE = {
    "no such application": None,
    "revoked": kept(PROGRAM, secret(0, revoked_at=NOW), secret(1)),
    "off": kept(replace(PROGRAM, status=OFF), secret(0)),
    "deleted": kept(replace(PROGRAM, deleted_at=NOW), secret(0)),
    "expired": kept(replace(PROGRAM, expires_at=NOW), secret(0)),
    "department off": kept(PROGRAM, secret(0), is_on=OFF),
    "no secret at all": kept(PROGRAM),
}


@pytest.mark.parametrize("found", GONE.values(), ids=GONE.keys())
async def test_what_changed_is_known_after_three_seconds_and_at_once_where_it_was_heard_of(
    applications: Read, clock: MovableClock, found: KnownApplication | None
) -> None:
    key = SECRETS[0].key_of(7)
    was = applications.found
    ways: tuple[Callable[[], None], ...] = (
        lambda: clock.let_pass(timedelta(seconds=3)),
        lambda: applications.forget_rights(ApplicationId(7)),
        lambda: applications.forget_rights("everybody"),
        lambda: applications.forget(7),
    )
    for forget in ways:
        applications.found = was
        applications.forget(7)
        await applications.of_key(key)
        applications.found = found
        await applications.of_key(key)
        applications.forget_rights(7)  # a person's
        applications.forget_rights(ApplicationId(8))
        await applications.of_key(key)
        forget()
        with pytest.raises(Unauthenticated):
            await applications.of_key(key)


async def test_the_time_of_one_that_is_remembered_ends_when_it_ends(applications: Read, clock: MovableClock) -> None:
    until = clock.now() + timedelta(seconds=2)
    applications.found = kept(replace(PROGRAM, expires_at=until), secret(0))
    await applications.of_key(SECRETS[0].key_of(7))
    clock.let_pass(timedelta(seconds=2))
    with pytest.raises(Unauthenticated):
        await applications.of_key(SECRETS[0].key_of(7))
    assert applications.reads == 1
