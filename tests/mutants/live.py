"""Promises of the live events."""

from typing import Final

from tests.mutants.mutant import Mutant

_LIVE: Final = "tests/acceptance/test_live.py"
_LIVE_DOOR: Final = "tests/contract/test_live.py"
_SOCKETS: Final = "tests/acceptance/test_websocket_limits.py"

MUTANTS: Final = (
    Mutant(
        "a cancellation that gets lost keeps a stop waiting for ever",
        "shared/tasks.py",
        "        _, left = await asyncio.wait(left, timeout=AGAIN_AFTER_S)\n",
        "        _, left = await asyncio.wait(left)\n",
        ("tests/unit/test_tasks.py::test_who_loses_a_cancellation_is_cancelled_again",),
    ),
    Mutant(
        "a node goes on without its watch",
        "api_node/live/live.py",
        "            self._on_broken()\n",
        "            pass\n",
        ("tests/unit/test_live_supervision.py",),
    ),
    Mutant(
        "one unexpected error ends the watch",
        "api_node/live/connections.py",
        "        except Exception as error:\n",
        "        except DatabaseUnavailable as error:\n",
        ("tests/unit/test_live_connection.py",),
    ),
    Mutant(
        "a ticket opens twice",
        "api_node/live/door.py",
        '"fingerprint": secrets.token_hex(32),',
        '"fingerprint": "0" * 64,',
        (f"{_LIVE_DOOR}::test_a_ticket_opens_once_whichever_node_is_asked",),
    ),
    Mutant(
        "pages of any site may connect",
        "api_node/live/door.py",
        "        _require_welcome(node, websocket)\n",
        "",
        (f"{_LIVE_DOOR}::test_pages_of_other_sites_are_refused_and_our_own_are_not",),
    ),
    Mutant(
        "rights are looked at once",
        "api_node/live/connections.py",
        "            await self._look()\n",
        "",
        ("tests/unit/test_live_connection.py",),
    ),
    Mutant(
        "old rights are believed for ever",
        "api_node/live/connections.py",
        '                    connection.end(TRY_AGAIN, "the database does not say who may listen")\n',
        "                    pass\n",
        ("tests/unit/test_live_connection.py",),
    ),
    Mutant(
        "who a task is taken from is not told",
        "queue_service/commands/tasks.py",
        '        body["previouslyAssignedToUserId"] = before.assigned_to_user_id\n',
        "        pass\n",
        (f"{_LIVE_DOOR}::test_an_employee_is_told_of_what_is_theirs_and_when_it_is_taken_away",),
    ),
    Mutant(
        "a new node knows nothing of what was before it",
        "queue_service/transport/observe.py",
        'return service.events.floor if asked == "oldest"',
        'return service.events.position if asked == "oldest"',
        (f"{_LIVE}::test_a_node_that_was_just_started_knows_what_was_before_it",),
    ),
    Mutant(
        "a follower that is ahead of its node is told of a gap",
        "api_node/live/connection.py",
        "        await self._until_reached(ring, self._position)\n",
        "",
        ("tests/unit/test_live_connection.py",),
    ),
    Mutant(
        "what a slow client does not take piles up",
        "shared/http/websocket.py",
        "        super().pause_writing()\n",
        "",
        (f"{_LIVE}::test_clients_that_do_not_read_cost_no_memory_and_are_told_or_sent_away",),
    ),
    Mutant(
        "answers to the pings of a deaf peer pile up",
        "shared/http/websocket.py",
        "        self.transport.pause_reading()  # what it says would have to be answered\n",
        "",
        (_SOCKETS,),
    ),
    Mutant(
        "a peer that takes nothing is waited for",
        "shared/http/websocket.py",
        "            self._end_timer = self.loop.call_later(CLOSE_S, self.transport.abort)\n",
        "            pass\n",
        (_SOCKETS,),
    ),
    Mutant(
        "a peer that is gone is never missed",
        "shared/http/websocket.py",
        "        self.transport.abort()\n",
        "        pass\n",
        (_SOCKETS,),
    ),
    Mutant(
        "any upgrade becomes a WebSocket",
        "shared/http/protocol.py",
        "            and is_handshake(self.url, self.headers)\n",
        "",
        (_SOCKETS,),
    ),
    Mutant(
        "a handshake interrupts the answer before it",
        "shared/http/protocol.py",
        "            and (self.cycle is None or self.cycle.response_complete)\n",
        "",
        (_SOCKETS,),
    ),
)
