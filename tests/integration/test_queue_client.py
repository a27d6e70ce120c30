"""A node's line to the queue service when that one misbehaves: resent where it cannot do harm, and never otherwise."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from api_node.queue_client import MAX_IN_FLIGHT, QueueClient
from api_node.unanswered import Outcome
from shared.clock import SystemClock
from shared.errors import (
    ConsoleError,
    Forbidden,
    NotFound,
    OutcomeUnknown,
    QueueFull,
    QueueUnreachable,
    Unavailable,
    VersionConflict,
)
from shared.wire import error_to_wire
from tests.support.eventually import eventually
from tests.support.loopback import free_port
from tests.support.misbehaving_queue import PATIENT, SHORT, Forward, MisbehavingQueue, misbehaving, reset, silence


def _command(key: str, **more: Any) -> dict[str, Any]:
    return {"type": "create-task", "data": {}, "idempotencyKey": key, **more}


class Gate:
    """Forwards that wait until they may be answered: while they take every place, what comes travels together."""

    def __init__(self) -> None:
        self._may_answer = asyncio.Event()
        self.script = [self._held] * MAX_IN_FLIGHT

    async def submit_together(
        self, queue: MisbehavingQueue, client: QueueClient, count: int
    ) -> list[asyncio.Task[Outcome]]:
        """Submit commands with the keys 0, 1, ... in one forward, the first after those of `script`."""
        holding = []
        for number in range(MAX_IN_FLIGHT):
            holding.append(asyncio.create_task(client.submit(_command(f"held {number}"))))
            await eventually(lambda: len(queue.seen) == len(holding), what="a forward of its own", every_s=0.002)
        submitted = [asyncio.create_task(client.submit(_command(str(number)))) for number in range(count)]
        await eventually(lambda: client.held == MAX_IN_FLIGHT + count, what="all held", every_s=0.002)
        self._may_answer.set()
        await asyncio.gather(*holding)
        return submitted

    async def _held(self, forward: Forward) -> None:
        await self._may_answer.wait()
        await forward.all_lines()


async def _kind_of(client: QueueClient, key: str) -> type[ConsoleError]:
    with pytest.raises(ConsoleError) as raised:
        await client.submit(_command(key))
    return type(raised.value)


@pytest.mark.parametrize("trouble", [reset, silence])
async def test_what_was_not_answered_is_sent_again_under_the_same_key(trouble: Any) -> None:
    async with misbehaving(trouble, trouble) as (queue, client):
        outcome = await client.submit(_command("k"))
        assert outcome == Outcome(201, {"key": "k"}, is_replayed=False)
        assert queue.keys == [["k"], ["k"], ["k"]]


async def test_only_the_unanswered_half_of_a_cut_answer_is_sent_again() -> None:
    async def half(forward: Forward) -> None:
        for index in (3, 0):
            await forward.line(index)
        forward.cut()

    gate = Gate()
    async with misbehaving(*gate.script, half, times=PATIENT) as (queue, client):
        outcomes = await asyncio.gather(*await gate.submit_together(queue, client, 4))
        assert [outcome.data["key"] for outcome in outcomes] == ["0", "1", "2", "3"]
        assert queue.keys[MAX_IN_FLIGHT:] == [["0", "1", "2", "3"], ["1", "2"]]


async def test_a_line_that_was_cut_in_the_middle_is_no_answer() -> None:
    async def cut_line(forward: Forward) -> None:
        await forward.line(0)
        assert forward.response is not None
        await forward.response.write(b'{"index": 1, "status": 201, "da')

    gate = Gate()
    async with misbehaving(*gate.script, cut_line, times=PATIENT) as (queue, client):
        outcomes = await asyncio.gather(*await gate.submit_together(queue, client, 2))
        assert [outcome.data["key"] for outcome in outcomes] == ["0", "1"]
        assert queue.keys[MAX_IN_FLIGHT:] == [["0", "1"], ["1"]]


@pytest.mark.parametrize("error", [NotFound(), Forbidden(), VersionConflict(extra={"current": {}}), QueueFull()])
async def test_an_answered_error_is_passed_on_and_never_sent_again(error: ConsoleError) -> None:
    async def refuse(forward: Forward) -> None:
        await forward.line(0, status=error.status, error=error_to_wire(error))

    async with misbehaving(refuse) as (queue, client):
        assert await _kind_of(client, "k") is type(error)
        assert queue.keys == [["k"]]


async def test_a_refused_forward_was_not_applied_and_is_not_sent_again() -> None:
    async def say_nothing_but_503(_forward: Forward) -> None:
        return

    async with misbehaving(say_nothing_but_503) as (queue, client):
        assert await _kind_of(client, "k") is Unavailable
        assert queue.keys == [["k"]]


async def test_being_turned_away_after_an_unanswered_try_says_nothing_about_that_try() -> None:
    async def full(forward: Forward) -> None:
        await forward.line(0, status=503, error=error_to_wire(QueueFull()))

    async def whole_forward_refused(_forward: Forward) -> None:
        return

    for second in (full, whole_forward_refused):
        async with misbehaving(reset, second) as (queue, client):
            assert await _kind_of(client, "k") is OutcomeUnknown
            assert queue.keys == [["k"], ["k"]]


async def test_a_rule_that_refuses_after_an_unanswered_try_is_believed() -> None:
    async def absent(forward: Forward) -> None:
        await forward.line(0, status=404, error=error_to_wire(NotFound()))

    async with misbehaving(reset, absent) as (_, client):
        assert await _kind_of(client, "k") is NotFound


async def test_a_queue_that_refuses_connections_applied_nothing() -> None:
    client = QueueClient(f"http://127.0.0.1:{free_port()}", "secret", SystemClock(), SHORT)
    await client.start()
    assert await _kind_of(client, "k") is QueueUnreachable
    await client.close()


async def test_a_queue_that_takes_everything_and_says_nothing_leaves_the_outcome_unknown() -> None:
    async with misbehaving(*[silence] * 50) as (queue, client):
        started = asyncio.get_running_loop().time()
        assert await _kind_of(client, "k") is OutcomeUnknown
        assert asyncio.get_running_loop().time() - started < SHORT.deadline_s + 0.5
        assert {tuple(keys) for keys in queue.keys} == {("k",)}


async def test_a_busy_stream_does_not_keep_one_command_past_its_deadline() -> None:
    clock = SystemClock()

    async def first_only(forward: Forward) -> None:
        while True:
            await forward.line(0)
            await clock.sleep(0.1)

    gate = Gate()
    async with misbehaving(*gate.script, *[first_only] * 50) as (queue, client):
        answered, never = await gate.submit_together(queue, client, 2)
        async with asyncio.timeout(SHORT.deadline_s + 1):
            results = await asyncio.gather(answered, never, return_exceptions=True)
        assert isinstance(results[0], Outcome)
        assert isinstance(results[1], OutcomeUnknown)


async def test_what_arrives_while_forwards_are_in_flight_travels_together() -> None:
    gate = Gate()
    async with misbehaving(*gate.script, times=PATIENT) as (queue, client):
        outcomes = await asyncio.gather(*await gate.submit_together(queue, client, 50))
        assert len(outcomes) == 50
        assert [len(jobs) for jobs in queue.seen] == [1] * MAX_IN_FLIGHT + [50]


async def test_one_stalled_forward_holds_up_nobody() -> None:
    may_answer = asyncio.Event()

    async def stalled(forward: Forward) -> None:
        await may_answer.wait()
        await forward.all_lines()

    times = replace(PATIENT, stalled_after_s=SHORT.stalled_after_s)
    async with misbehaving(*[stalled] * MAX_IN_FLIGHT, times=times) as (queue, client):
        slow = []
        for number in range(MAX_IN_FLIGHT):
            slow.append(asyncio.create_task(client.submit(_command(f"slow {number}"))))
            await eventually(lambda: len(queue.seen) == len(slow), what="every slow command in a forward of its own")
        prompt = await client.submit(_command("prompt"))
        assert prompt.data == {"key": "prompt"}
        assert not any(task.done() for task in slow)
        may_answer.set()
        await asyncio.gather(*slow)


async def test_a_caller_that_gives_up_takes_nothing_back() -> None:
    may_answer = asyncio.Event()

    async def held(forward: Forward) -> None:
        await may_answer.wait()
        await forward.all_lines()

    async with misbehaving(held) as (queue, client):
        caller = asyncio.create_task(client.submit(_command("k")))
        await eventually(lambda: queue.seen, what="the forward")
        caller.cancel()
        may_answer.set()
        await eventually(lambda: client.held == 0, what="the command answered")
        assert queue.keys == [["k"]]


async def test_what_a_node_holds_is_bounded_and_the_bound_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_node.queue_client.MAX_HELD_BYTES", 5_000)
    may_answer = asyncio.Event()

    async def held(forward: Forward) -> None:
        await may_answer.wait()
        await forward.all_lines()

    async with misbehaving(*[held] * MAX_IN_FLIGHT) as (_, client):
        large = _command("large", data={"description": "x" * 4_000})
        first = asyncio.create_task(client.submit(large))
        await eventually(lambda: client.held == 1, what="the first command held")
        with pytest.raises(QueueFull):
            await client.submit(large | {"idempotencyKey": "one more"})
        may_answer.set()
        await first
        assert (await client.submit(large | {"idempotencyKey": "after"})).status == 201
