"""The list of ways to break a promise. `old` must occur in the file exactly once, so that a stale mutant is noticed."""

from dataclasses import dataclass
from typing import Final

_WRITER: Final = "queue_service/writer/writer.py"
_BATCH: Final = "queue_service/writer/batch.py"
_FAULTS: Final = "tests/integration/test_writer_faults.py"
_FENCE: Final = "tests/integration/test_fence.py"
_DOUBT: Final = "tests/integration/test_doubt.py"
_SIGN_IN: Final = "tests/integration/test_sign_in.py"
_THROTTLING: Final = "tests/unit/test_throttling.py"
_LIVE: Final = "tests/acceptance/test_live.py"
_LIVE_DOOR: Final = "tests/contract/test_live.py"
_SOCKETS: Final = "tests/acceptance/test_websocket_limits.py"
_DEFERRED: Final = "tests/integration/test_deferred.py"
_TROUBLE: Final = "tests/integration/test_deferred_trouble.py"
_DEFERRED_CODE: Final = "queue_service/writer/deferred.py"
_LISTS: Final = "tests/integration/test_board_lists.py"
_LISTS_CODE: Final = "api_node/queries/tasks.py"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One promise, the change that breaks it, and the tests that must notice."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS: Final = (
    Mutant(
        "acknowledge before commit",
        _WRITER,
        "                    now=self._clock.now(),\n                )\n",
        "                    now=self._clock.now(),\n                )\n"
        "                for pending, result in zip(batch, results, strict=True):\n"
        "                    pending.resolve(result)\n",
        (_FAULTS,),
    ),
    Mutant(
        "no rollback after a failed statement",
        "queue_service/store/session.py",
        "                await tx.rollback()\n                return\n",
        "                return\n",
        (_FAULTS,),
    ),
    Mutant(
        "replay without the key",
        _BATCH,
        "    return working, found.result\n",
        "    return working, {}\n",
        (_FAULTS, "tests/integration/test_writer.py"),
    ),
    Mutant(
        "answers not stored with the change",
        _BATCH,
        "answers.store(tx, applied, now)",
        "answers.store(tx, [], now)",
        (_FAULTS, "tests/integration/test_writer.py"),
    ),
    Mutant(
        "epoch checked outside the transaction",
        _WRITER,
        "            async with session.transaction() as tx:\n                results =",
        "            async with session.transaction() as tx:\n                await Fence.check(self._fence, tx)\n"
        "            async with session.transaction() as tx:\n"
        "                self._fence.require = lambda epoch: None\n"
        "                results =",
        (_FENCE,),
    ),
    Mutant("epoch not checked", _BATCH, "    fence.require(epoch.result)\n", "", (_FENCE,)),
    Mutant(
        "epoch read without a lock",
        "queue_service/store/leader.py",
        "    statement = select(leader.c.epoch).where(leader.c.id == _ROW).with_for_update(read=True)\n",
        "    statement = select(leader.c.epoch).where(leader.c.id == _ROW)\n",
        (_FENCE,),
    ),
    Mutant(
        "old sessions are not ended",
        "queue_service/writer/fence.py",
        "            await leader.end_old_sessions(connection)\n",
        "            pass\n",
        (_FENCE,),
    ),
    Mutant(
        "sessions are ended by id alone",
        "queue_service/store/leader.py",
        "WHERE ID = :id AND HOST = :host AND ID",
        "WHERE ID = :id AND :host = :host AND ID",
        (_FENCE,),
    ),
    Mutant(
        "an error at COMMIT is taken for a rollback",
        "queue_service/store/session.py",
        "tx.commit_was_sent and leaves_doubt(error)",
        "tx.commit_was_sent and kind is Fault.LOST",
        (_DOUBT,),
    ),
    Mutant(
        "a lost session is left to the server",
        "queue_service/store/leader.py",
        "    if last is not None:\n        await _end(connection, last)\n",
        "    if last is not None:\n",
        (_DOUBT,),
    ),
    Mutant(
        "doubtful events wait for the next write",
        "queue_service/loops/doubts.py",
        "        await doubts.look_up(session)\n",
        "",
        (_DOUBT,),
    ),
    Mutant(
        "version not compared",
        "queue_service/commands/tasks.py",
        "    if command.expected_version is not None and command.expected_version != task.version:\n",
        "    if False:\n",
        ("tests/integration/test_properties.py",),
    ),
    Mutant(
        "version not raised",
        "queue_service/commands/tasks.py",
        "    after = replace(before, **members, version=before.version + 1, updated_at=now)\n",
        "    after = replace(before, **members, updated_at=now)\n",
        ("tests/integration/test_properties.py",),
    ),
    Mutant(
        "a key in flight is not joined",
        "queue_service/writer/intake.py",
        "        running = self._under_way.get(command.operation_id)\n",
        "        running = None\n",
        ("tests/integration/test_writer.py",),
    ),
    Mutant(
        "one poison command fails its batch",
        _WRITER,
        "            if len(batch) == 1 or not _is_about_some_of_them(error):\n",
        "            if batch:\n",
        (_FAULTS,),
    ),
    Mutant(
        "an unknown outcome is called a failure",
        _WRITER,
        "        if pending.may_have_happened:\n",
        "        if False:\n",
        (_FAULTS,),
    ),
    Mutant(
        "events published in the order of commits",
        "queue_service/writer/eventlog.py",
        "        while self._open and self._open[0].settled:\n            done = self._open.popleft()\n",
        "        if reservation in self._open:\n            done = reservation\n            self._open.remove(done)\n",
        ("tests/unit/test_eventlog.py",),
    ),
    Mutant(
        "the intake has no limit",
        "queue_service/writer/intake.py",
        "            raise QueueFull\n",
        "            pass\n",
        ("tests/integration/test_lanes.py",),
    ),
    Mutant(
        "a stop forgets what was accepted",
        "queue_service/service.py",
        "                await self.intake.drained()\n",
        "                pass\n",
        ("tests/integration/test_lanes.py",),
    ),
    Mutant(
        "a right that was lost is not missed on a replay",
        _BATCH,
        "            _require_permission(command, working)\n",
        "            if command.operation_id not in stored:\n                _require_permission(command, working)\n",
        ("tests/integration/test_writer.py",),
    ),
    Mutant(
        "a deferred command is answered and not stored",
        _DEFERRED_CODE,
        "            await operations.store(tx, self._new, now)\n",
        "            pass\n",
        (_DEFERRED,),
    ),
    Mutant(
        "what is stored is not taken up by the next leader",
        "queue_service/service.py",
        "            self.intake.resume(command)\n",
        "            pass\n",
        (_TROUBLE,),
    ),
    Mutant(
        "a deferred command is given up when the database fails",
        _DEFERRED_CODE,
        "isinstance(result, Unavailable) and self.is_open()",
        "False",
        (_TROUBLE,),
    ),
    Mutant(
        "an operation is given up for an error that nobody listed",
        "queue_service/store/faults.py",
        "    return Fault.PERMANENT if code in _PERMANENT or isinstance(cause, _ABOUT_VALUES) else Fault.PASSING\n",
        "    return Fault.PASSING if code in (1040, 1213) else Fault.PERMANENT\n",
        (_TROUBLE,),
    ),
    Mutant(
        "a bad greeting is a mistake of ours",
        "shared/db/driver.py",
        '    return any(name.partition(".")[0] in _DRIVERS for name in names)\n',
        "    return not names\n",
        ("tests/integration/test_bad_greetings.py",),
    ),
    Mutant(
        "a cancelled statement leaves its answer to the next one",
        "queue_service/store/session.py",
        "            await self._undo(tx, keep_connection=False)\n",
        "",
        ("tests/integration/test_outages_of_the_database.py",),
    ),
    Mutant(
        "what is stored is refused at the door and waits all the same",
        _BATCH,
        "if command.deferral is not None and deferrals.awaits(command, stored):",
        "if False:",
        (_TROUBLE,),
    ),
    Mutant(
        "what may be stored is let go when there is no database",
        _DEFERRED_CODE,
        "            result = OutcomeUnknown()  # the database went away while it waited to be looked for\n",
        "            pass\n",
        (_TROUBLE,),
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
        "the refusal of a deferred command is not stored",
        _BATCH,
        "        applied += deferrals.refused(ends, stored)\n",
        "",
        (_DEFERRED,),
    ),
    Mutant(
        "a refused operation is judged anew under its key",
        _BATCH,
        "    if stored.is_refusal:\n        raise error_from_wire(stored.data)\n",
        "",
        (_DEFERRED,),
    ),
    Mutant(
        "storing a command waits for the rows it will change",
        _BATCH,
        "        return Needs()\n",
        "        pass\n",
        (_DEFERRED,),
    ),
    Mutant(
        "a stored command under the same key is not noticed",
        _DEFERRED_CODE,
        "await operations.find(tx, asking) if asking else {}",
        "{}",
        (_DEFERRED,),
    ),
    Mutant(
        "an operation is shown to anybody",
        "api_node/queries/operations.py",
        ", command.actor_id == viewer.id)",
        ")",
        ("tests/contract/test_operations.py",),
    ),
    Mutant(
        "a cursor does not break ties by id",
        _LISTS_CODE,
        "and_(column == place.value, beyond(_c.id, place.id))",
        "column < column",
        (_LISTS,),
    ),
    Mutant(
        "text is a pattern",
        _LISTS_CODE,
        "autoescape=True",
        "autoescape=False",
        (_LISTS,),
    ),
    Mutant(
        "a list is counted without its filters",
        _LISTS_CODE,
        "await _count(connection, asked)",
        "await _count(connection, _visible_to(viewer))",
        (_LISTS,),
    ),
    Mutant(
        "a cursor is taken for any list",
        "api_node/console/task_query.py",
        "if digest != _digest(wanted):",
        "if False:",
        ("tests/contract/test_lists.py",),
    ),
    Mutant(
        "an unknown parameter is ignored",
        "api_node/console/task_query.py",
        '    require_known(request, known, repeatable=("status",))\n',
        "",
        ("tests/contract/test_lists.py",),
    ),
    Mutant(
        "everybody counts the whole board",
        "api_node/queries/task_stats.py",
        "    asked = matching(viewer, wanted)\n",
        "    import dataclasses\n    asked = matching(dataclasses.replace(viewer, role='admin'), wanted)\n",
        ("tests/contract/test_stats.py",),
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
    Mutant(
        "a token used twice leaves its family alive",
        "queue_service/commands/sessions.py",
        "    return Decision(TokenReused(), [Change(session, after)], [session_ended(command, after)])\n",
        "    return Decision(TokenReused(), [], [session_ended(command, after)])\n",
        (_SIGN_IN,),
    ),
    Mutant(
        "a made-up token ends a session",
        "queue_service/commands/sessions.py",
        "session.user_id != user.id or session.family_hash != data.familyHash:",
        "session.user_id != user.id:",
        (_SIGN_IN,),
    ),
    Mutant(
        "a tab that is two tokens behind ends the family",
        "queue_service/commands/sessions.py",
        "    if session.rotated_at is not None and",
        "    if data.tokenHash == session.previous_hash and session.rotated_at is not None and",
        (_SIGN_IN,),
    ),
    Mutant(
        "one's own e-mail wants no password",
        "queue_service/commands/users.py",
        '        is_needed = command.actor_id == user.id and "email" in data.updates.model_fields_set\n',
        "        is_needed = False\n",
        (_SIGN_IN,),
    ),
    Mutant(
        "a wrong present password is not counted",
        "queue_service/commands/users.py",
        "[counted(working, check.subject, BY_ACCOUNT, now)]",
        "[]",
        (_SIGN_IN,),
    ),
    Mutant(
        "failures never leak away",
        "shared/throttling.py",
        "    still_held = max(throttle.failures - leaked, 0)\n",
        "    still_held = throttle.failures\n",
        (_THROTTLING,),
    ),
    Mutant(
        "failing often enough stops the leak",
        "shared/throttling.py",
        "min(throttle.updated_at + leaked * allowance.leaks_every, now) if still_held else now",
        "now",
        (_THROTTLING,),
    ),
    Mutant(
        "one address takes every place to sign in at",
        "api_node/passwords.py",
        "        if self._waiting[address] >= MAX_WAITING_OF_ONE:\n",
        "        if False:\n",
        ("tests/unit/test_passwords.py",),
    ),
    Mutant(
        "a logout of another sign-in is taken for a repetition",
        "api_node/console/auth.py",
        '"end-session", command.model_dump(), actor=found.user, takes_key=False)',
        '"end-session", command.model_dump(), actor=found.user)',
        ("tests/contract/test_sessions.py::test_an_idempotency_key_has_no_say_in_a_logout",),
    ),
    Mutant(
        "an answer that is given again opens a sign-in that is over",
        "api_node/console/auth.py",
        "found is None or not is_signed_in(found.session, found.user, node.clock.now()):",
        "found is None:",
        ("tests/contract/test_sessions.py::test_a_replay_opens_no_sign_in_that_is_over",),
    ),
    Mutant(
        "strangers keep an owner from changing the password",
        "api_node/attempts.py",
        'f"current-password:{user.id}"',
        'f"account:{user.email}"',
        ("tests/contract/test_users.py::test_who_is_signed_in_changes_their_password_whatever_strangers_guess",),
    ),
    Mutant(
        "failed sign-ins are not counted",
        "queue_service/commands/sign_in.py",
        "    return Decision(BadCredentials(), changes)\n",
        "    return Decision(BadCredentials(), changes[:0])\n",
        (_SIGN_IN,),
    ),
    Mutant(
        "a block does not hold for the right password",
        "queue_service/commands/sign_in.py",
        "    require_unblocked(working, _all(data.subjects), now)\n    user =",
        "    user =",
        (_SIGN_IN,),
    ),
    Mutant(
        "the epoch of a session is not compared",
        "shared/policy.py",
        " and session.user_epoch == user.session_epoch\n",
        "\n",
        ("tests/contract/test_sessions.py::test_logout_ends_this_sign_in_and_everywhere_ends_them_all",),
    ),
    Mutant(
        "what was remembered outlives what was forgotten meanwhile",
        "api_node/sessions.py",
        "        self._forgotten += 1\n        self._read.pop(session_id, None)\n",
        "        self._read.pop(session_id, None)\n",
        ("tests/unit/test_remembered_sessions.py",),
    ),
    Mutant(
        "the last administrator goes",
        "queue_service/commands/users.py",
        '    if after.role != "admin" and before.role == "admin" and not working.administrators - {before.id}:\n',
        "    if False:\n",
        (_SIGN_IN,),
    ),
)
