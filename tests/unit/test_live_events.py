"""Who is told what of a change, from which pages a browser may connect, and what a ticket is."""

from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest

from api_node.live.event import from_wire, message_for
from api_node.live.origin import is_welcome
from api_node.live.tickets import TICKET_S, Tickets
from api_node.signed_tokens import Named
from api_node.tokens import AccessTokens
from shared.actor import ApplicationId
from shared.clock import SystemClock
from shared.errors import Unauthenticated
from shared.jsonio import loads
from shared.permissions import Permission
from shared.principal import Principal, principal_of
from shared.rights_news import Concerned, from_message, to_message
from tests.support.people import NOW, account, administrator, employee, manager, place
from tests.support.signing import KEYS, OTHER_KEYS
from tests.support.writer import SECRET

NAMED = Named(2, 1, 9)
ADMIN = administrator()
ADA = employee(2)
BOB = employee(3)
TASK: dict[str, Any] = {
    "type": "task.updated",
    "entity": "task",
    "id": 7,
    "version": 3,
    "departmentId": 1,
    "departmentPath": "/1/5/",
    "assignedToUserId": ADA.user_id,
    "actorId": 1,
    "requestId": "somebody-else's",
    "at": "2026-01-01T00:00:00.000Z",
    "title": "not for the stream",
}


def told(viewer: Principal, **changed: Any) -> Any:
    message = message_for(viewer, from_wire((3, 17), TASK | changed))
    return None if message is None else loads(message)


def test_who_sees_the_task_is_told_what_changed_and_where_it_stands_in_the_stream() -> None:
    for viewer in (ADMIN, ADA):
        assert told(viewer) == {
            "type": "task.updated",
            "position": "3.17",
            "entity": "task",
            "id": 7,
            "version": 3,
            "departmentId": 1,
            "assignedToUserId": 2,
            "actorId": 1,
            "at": "2026-01-01T00:00:00.000Z",
        }


@pytest.mark.parametrize("assignee", [None, ADA.user_id])
def test_for_anybody_else_it_does_not_exist(assignee: int | None) -> None:
    assert told(BOB, assignedToUserId=assignee) is None


@pytest.mark.parametrize("assignee", [None, BOB.user_id])
def test_who_it_was_taken_from_is_told_that_it_is_gone_and_not_to_whom(assignee: int | None) -> None:
    changed = {"assignedToUserId": assignee, "previouslyAssignedToUserId": ADA.user_id}
    assert told(ADA, **changed) == {"type": "task.hidden", "position": "3.17", "entity": "task", "id": 7}
    assert told(ADMIN, **changed)["type"] == "task.updated"


def test_accounts_are_for_administrators_and_of_other_things_nobody_is_told() -> None:
    assert [told(viewer, type="user.created", entity="user") is not None for viewer in (ADMIN, ADA)] == [True, False]
    for entity in ("session", "secret", ""):
        assert told(ADMIN, entity=entity) is None
    gone = principal_of(account(1, deleted_at=NOW), place("admin"))
    assert told(gone, type="user.created", entity="user") is None


@pytest.mark.parametrize(("path", "is_told"), [("/1/5/", True), ("/1/5/9/", True), ("/1/", False), ("/1/55/", False)])
@pytest.mark.parametrize(
    ("entity", "permission"),
    [
        ("task", Permission.BOARD_VIEW),
        ("user", Permission.USER_MANAGE),
        ("department", Permission.DEPARTMENT_MANAGE),
        ("application", Permission.APPLICATION_MANAGE),
    ],
)
def test_everybody_else_is_told_of_their_department_and_below(
    entity: str, permission: Permission, path: str, is_told: bool
) -> None:
    changed = {"entity": entity, "departmentPath": path, "assignedToUserId": None}
    assert (told(manager(9, "/1/5/", permission), **changed) is not None) is is_told
    if entity != "task":
        assert told(manager(9, "/1/5/", Permission.BOARD_VIEW), **changed) is None


def test_who_managed_an_account_that_was_moved_away_is_told_that_it_is_gone_and_not_where_to() -> None:
    moved = {"entity": "user", "departmentPath": "/1/6/", "departmentId": 6, "previousDepartmentPath": "/1/5/9/"}
    hidden = {"type": "user.hidden", "position": "3.17", "entity": "user", "id": 7}
    assert told(manager(9, "/1/5/", Permission.USER_MANAGE), **moved) == hidden
    assert told(manager(9, "/1/5/", Permission.ROLE_MANAGE), **moved) is None
    assert told(manager(9, "/1/7/", Permission.USER_MANAGE), **moved) is None
    for sees_both in (ADMIN, manager(9, "/1/", Permission.USER_MANAGE), manager(9, "/1/6/", Permission.USER_MANAGE)):
        assert "previousDepartmentPath" not in told(sees_both, **moved)
        assert told(sees_both, **moved)["departmentId"] == 6


@pytest.mark.parametrize("entity", ["role", "permission"])
def test_roles_are_the_business_of_who_manages_them(entity: str) -> None:
    changed = {"entity": entity, "departmentPath": "", "type": f"{entity}.updated"}
    assert told(manager(9, "/1/5/", Permission.ROLE_MANAGE), **changed) is not None
    assert told(manager(9, "/1/5/", Permission.USER_MANAGE), **changed) is None


@pytest.mark.parametrize(
    ("entity", "concerned"),
    [
        ("task", None),
        ("user", 7),
        ("session", 4),
        ("role", "everybody"),
        ("department", "everybody"),
        ("permission", "everybody"),
        ("application", ApplicationId(7)),
    ],
)
def test_an_event_says_whose_rights_it_may_have_changed(entity: str, concerned: Concerned | None) -> None:
    event = from_wire((3, 17), {"type": "x", "entity": entity, "id": 7, "userId": 4})
    assert event.concerned == concerned


@pytest.mark.parametrize(
    "message", [b"everybody", b"", b"-1", b"7 or 1", b"\xff", b"7" * 5_000, b"application:", b"robot:7"]
)
def test_news_that_nobody_understands_concern_everybody(message: bytes) -> None:
    assert from_message(message) == "everybody"


@pytest.mark.parametrize("who", [7, ApplicationId(7), "everybody"])
def test_news_arrive_as_they_were_sent(who: Concerned) -> None:
    assert from_message(to_message(who)) == who


@pytest.mark.parametrize(
    ("origin", "host", "welcome"),
    [
        (None, "console.example.com", True),
        ("https://console.example.com", "console.example.com", True),
        ("https://console.example.com:443", "console.example.com", True),
        ("http://localhost:8080", "localhost:8080", True),
        ("http://LOCALHOST:8080", "localhost:8080", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("https://pages.example.com", "console.example.com", True),
        ("https://PAGES.example.com", "console.example.com", True),
        ("http://pages.example.com", "console.example.com", False),
        ("https://pages.example.com.evil.example", "console.example.com", False),
        ("http://localhost:8081", "localhost:8080", False),
        ("http://localhost", "localhost:8080", False),
        ("https://evil.example", "console.example.com", False),
        ("null", "console.example.com", False),
        ("null", "null", False),
        ("", "", False),
        ("https://", "", False),
        ("https://[", "[", False),
        ("https://a:99999", "a:99999", False),
    ],
)
def test_pages_of_our_own_origin_and_of_the_allowed_ones_may_connect(
    origin: str | None, host: str, welcome: bool
) -> None:
    assert is_welcome(origin, host, ["https://pages.example.com/"]) is welcome


class At(SystemClock):
    def __init__(self, ago_s: float) -> None:
        self._ago = timedelta(seconds=ago_s)

    def now(self) -> datetime:
        return super().now() - self._ago


def test_a_ticket_names_who_asked_and_by_which_sign_in_and_each_is_another_one() -> None:
    tickets = Tickets(KEYS, SystemClock())
    first, second = (tickets.read(tickets.mint(NAMED)[0]) for _ in range(2))
    assert first.named == NAMED
    assert first.id != second.id


def test_a_ticket_is_good_for_half_a_minute() -> None:
    def read_after(seconds: float) -> int:
        return Tickets(KEYS, SystemClock()).read(Tickets(KEYS, At(seconds)).mint(NAMED)[0]).named.user_id

    assert TICKET_S == 30
    assert read_after(25) == 2
    with pytest.raises(Unauthenticated):
        read_after(31)


def test_neither_passes_for_the_other_nor_what_somebody_else_signed() -> None:
    tickets = Tickets(KEYS, SystemClock())
    ticket, _ = tickets.mint(NAMED)
    access = AccessTokens(KEYS, ttl_s=60, clock=SystemClock())
    with pytest.raises(Unauthenticated):
        access.read(ticket)
    foreign, _ = Tickets(OTHER_KEYS, SystemClock()).mint(NAMED)
    at_last = SystemClock().now() + timedelta(days=1)
    claims = jwt.decode(ticket, options={"verify_signature": False})
    head = {name: jwt.get_unverified_header(ticket)[name] for name in ("typ", "kid")}
    unsigned = jwt.encode(claims, "", "none", headers=head)
    untyped = jwt.encode(claims, SECRET, "HS256", headers={"kid": head["kid"]})
    without_id = jwt.encode({k: v for k, v in claims.items() if k != "jti"}, SECRET, "HS256", head)
    for wrong in ("", "x", ticket[:-1], foreign, unsigned, untyped, without_id, access.mint(NAMED, at_last).text):
        with pytest.raises(Unauthenticated):
            tickets.read(wrong)
