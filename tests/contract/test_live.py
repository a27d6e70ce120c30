"""`GET /api/ws` on a running cluster: who is let in, what they are told, how they are sent away."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from api_node.live.limits import LiveLimits
from api_node.live.tickets import TICKET_S, Tickets
from api_node.signed_tokens import Named
from shared.clock import SystemClock
from tests.contract.conftest import Board
from tests.support.eventually import eventually
from tests.support.live import Message, a_ticket, address, listening
from tests.support.signing import KEYS

Refusal = tuple[int, str, dict[str, Any]]


class HalfAMinuteAgo(SystemClock):
    """A clock that is late by as long as a ticket is good for."""

    def now(self) -> datetime:
        return super().now() - timedelta(seconds=TICKET_S + 1)


async def refusal(url: str, **options: Any) -> Refusal:
    """How the handshake was refused: status, error code, body."""
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, compression=None, proxy=None, **options):
            pass
    response = caught.value.response
    body = json.loads(bytes(response.body or b"{}"))
    assert response.headers["X-Request-Id"] == body["requestId"]
    return response.status_code, body["errorCode"], body


def port(board: Board, node: int = 0) -> int:
    return board.cluster.nodes[node].port


async def ticket_of(board: Board, token: str | None = None) -> str:
    return await a_ticket(board.cluster.nodes[0], token or board.admin.token or "")


async def test_a_ticket_is_short_lived_not_to_be_stored_and_opens_at_either_node(board: Board) -> None:
    answer = await board.admin.post("/api/ws/ticket", None)
    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    assert set(answer.data) == {"ticket", "expiresAt"}
    async with connect(address(port(board, 1), answer.data["ticket"]), proxy=None) as socket:
        assert "hello" in str(await socket.recv())
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers, "compression costs memory for each client"


async def test_a_ticket_opens_once_whichever_node_is_asked(board: Board) -> None:
    ticket = await ticket_of(board)
    async with connect(address(port(board), ticket), proxy=None):
        for node in (0, 1):
            assert (await refusal(address(port(board, node), ticket)))[:2] == (401, "unauthenticated")
    assert (await refusal(address(port(board), ticket)))[:2] == (401, "unauthenticated")


async def test_of_many_that_come_with_one_ticket_at_once_one_is_let_in(board: Board) -> None:
    ticket = await ticket_of(board)

    async def try_it(node: int) -> int:
        try:
            async with connect(address(port(board, node), ticket), proxy=None) as socket:
                await socket.recv()
                return 101
        except InvalidStatus as error:
            return error.response.status_code

    statuses = await asyncio.gather(*(try_it(number % 2) for number in range(10)))
    assert sorted(statuses) == [101] + [401] * 9


async def test_without_a_good_ticket_nobody_is_let_in(board: Board) -> None:
    tampered = (await ticket_of(board))[:-4] + "AAAA"
    expired, _ = Tickets(KEYS, HalfAMinuteAgo()).mint(Named(board.admin_id, 1, 1))
    for wrong in ("", "x", tampered, expired, board.admin.token or ""):
        assert (await refusal(address(port(board), wrong)))[:2] == (401, "unauthenticated")
    headers = {"Authorization": f"Bearer {board.admin.token}"}
    answer = await refusal(f"ws://127.0.0.1:{port(board)}/api/ws", additional_headers=headers)
    assert answer[:2] == (401, "unauthenticated")


async def test_a_ticket_is_no_bearer_token(board: Board) -> None:
    ticket = await ticket_of(board)
    answer = await board.stranger.get("/api/tasks", Authorization=f"Bearer {ticket}")
    assert answer.status == 401


async def test_pages_of_other_sites_are_refused_and_our_own_are_not(board: Board) -> None:
    ticket = await ticket_of(board)
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{port(board) + 1}"):
        assert (await refusal(address(port(board), ticket), origin=Origin(origin)))[:2] == (403, "forbidden")
    async with connect(
        address(port(board), ticket), origin=Origin(f"http://127.0.0.1:{port(board)}"), proxy=None
    ) as socket:
        assert "hello" in str(await socket.recv())


@pytest.mark.parametrize("since", ["x", "1", "1.", "1.x", "-1.1", "1.1.1", "١.١", "9" * 50 + ".1"])
async def test_a_since_of_no_stream_is_refused_and_the_ticket_is_not_used_up(board: Board, since: str) -> None:
    ticket = await ticket_of(board)
    status, code, body = await refusal(address(port(board), ticket, since))
    assert (status, code, body["errors"][0]["field"]) == (422, "validation_failed", "since")
    async with connect(address(port(board), ticket), proxy=None):
        pass


async def test_a_refusal_is_in_the_language_that_was_asked_for(board: Board) -> None:
    for language, word in (("en", "token"), ("zh-CN", "登录")):
        answer = await refusal(address(port(board), "x"), additional_headers={"Accept-Language": language})
        assert word in answer[2]["message"]


async def test_without_an_upgrade_the_path_says_what_it_is_for(board: Board) -> None:
    answer = await board.admin.get("/api/ws")
    assert (answer.status, answer.body["errorCode"], answer.headers["Upgrade"]) == (
        426,
        "upgrade_required",
        "websocket",
    )


async def test_other_paths_take_no_websocket(board: Board) -> None:
    for path in ("/api/tasks", "/api/ws/", "/api/ws/x", "/api/nothing"):
        with pytest.raises(InvalidStatus) as caught:
            async with connect(f"ws://127.0.0.1:{port(board)}{path}", proxy=None):
                pass
        assert caught.value.response.status_code in (401, 404)


async def test_an_administrator_is_told_of_every_change_in_order_and_ids_are_all_they_are_told(board: Board) -> None:
    async with listening(board.cluster.nodes[0], board.admin.token or "") as live:
        task = await board.other.new_task(title="a secret plan")
        await board.admin.patch(f"/api/tasks/{task['id']}", {"status": "done"})
        await board.other.delete(f"/api/tasks/{task['id']}")
        seen = await live.messages(3)
    assert [(m["type"], m["id"], m["version"]) for m in seen] == [
        ("task.created", task["id"], 1),
        ("task.updated", task["id"], 2),
        ("task.deleted", task["id"], 3),
    ]
    assert positions(seen) == sorted(positions(seen))
    known = {"type", "position", "entity", "id", "version", "departmentId", "assignedToUserId", "actorId", "at"}
    assert all(set(message) == known for message in seen)


async def test_who_comes_back_is_told_what_happened_meanwhile_by_either_node(board: Board) -> None:
    async with listening(board.cluster.nodes[0], board.admin.token or "") as live:
        since = live.hello["position"]
    tasks = [await board.admin.new_task() for _ in range(5)]
    for node in board.cluster.nodes:
        async with listening(node, board.admin.token or "", since) as live:
            assert live.hello["position"] == since
            assert [m["id"] for m in await live.messages(5)] == [task["id"] for task in tasks]


async def test_a_position_of_another_database_is_told_as_a_gap(board: Board) -> None:
    async with listening(board.cluster.nodes[0], board.admin.token or "", "999999.1") as live:
        message = await live.message()
        assert message["type"] == "gap"
        task = await board.admin.new_task()
        assert (await live.message())["id"] == task["id"]


async def test_an_employee_is_told_of_what_is_theirs_and_when_it_is_taken_away(board: Board) -> None:
    me, employee = await board.employee()
    async with listening(board.cluster.nodes[1], employee.token or "") as live:
        await board.admin.new_task(title="not theirs")
        mine = await board.admin.new_task(title="theirs", assignedToUserId=me)
        path = f"/api/tasks/{mine['id']}"
        await board.admin.patch(path, {"status": "in-review"})
        await board.admin.patch(path, {"assignedToUserId": None})
        await board.admin.patch(path, {"title": "no longer theirs"})
        await board.employee()  # an account: not theirs to know
        await board.admin.patch(path, {"assignedToUserId": me})
        seen = await live.messages(4)
    assert [(m["type"], m["id"], m.get("version")) for m in seen] == [
        ("task.created", mine["id"], 1),
        ("task.updated", mine["id"], 2),
        ("task.hidden", mine["id"], None),
        ("task.updated", mine["id"], 5),
    ]


async def test_accounts_are_told_to_administrators(board: Board) -> None:
    async with listening(board.cluster.nodes[0], board.admin.token or "") as live:
        user_id, _ = await board.employee()
        message = await live.message()
        assert (message["type"], message["id"]) == ("user.created", user_id)
        assert "@" not in str(message)


@pytest.mark.parametrize(
    ("sent", "code"), [("hello?", 1003), (b"\x00", 1003), ("x" * 5000, 1009), (["x" * 600, "x" * 600], 1009)]
)
async def test_nothing_is_expected_from_a_client_and_whatever_comes_ends_it(board: Board, sent: Any, code: int) -> None:
    async with listening(board.cluster.nodes[0], board.admin.token or "") as live:
        await live.socket.send(sent)
        assert await live.closed() == code


async def test_a_person_has_so_many_connections_and_may_open_another_when_one_is_closed(board: Board) -> None:
    _, token, _ = await board.account()
    node = board.cluster.nodes[0]
    most = LiveLimits().a_person
    tickets = [await a_ticket(node, token) for _ in range(most + 2)]
    sockets = [await connect(address(node.port, ticket), proxy=None) for ticket in tickets[:most]]
    try:
        status, code, body = await refusal(address(node.port, tickets[most]))
        assert (status, code, body["retryable"]) == (429, "too_many_connections", True)
        await sockets.pop().close()
        sockets.append(await eventually(lambda: connect(address(node.port, tickets[most]), proxy=None)))
    finally:
        await asyncio.gather(*(socket.close() for socket in sockets))


async def test_what_is_open_and_what_was_sent_is_counted(board: Board) -> None:
    async def number(name: str) -> float:
        text = (await board.admin.get("/metrics")).raw.decode()
        [line] = [line for line in text.splitlines() if line.startswith(name + " ")]
        return float(line.split()[1])

    events = await number("console_live_events_total")
    async with listening(board.cluster.nodes[0], board.admin.token or "") as live:
        assert await number("console_live_connections") >= 1
        assert await number("console_live_following") == 1
        await board.admin.new_task()
        await live.message()
        assert await number("console_live_events_total") > events


def positions(messages: list[Message]) -> list[tuple[int, ...]]:
    return [tuple(map(int, message["position"].split("."))) for message in messages]
