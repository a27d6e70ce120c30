"""The audit log: written with the change or not at all, sealed behind every open batch, and it shows if touched."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy.exc import OperationalError

from cli.audit import Verdict, verify
from queue_service.commands import KINDS
from queue_service.domain.command import Command
from queue_service.service import QueueService
from queue_service.store.session import Transaction
from queue_service.transport.parse import parse_command
from queue_service.writer.doubt import Doubts
from queue_service.writer.eventlog import EventLog
from shared.audit import Seal
from shared.db.database import reader_engine
from shared.errors import TokenReused
from shared.permissions import ID_OF, Permission
from tests.support.databases import Database
from tests.support.eventually import eventually
from tests.support.leading import leading
from tests.support.writer import A_HASH, SECRET, command, outcomes, register, settings_for


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sealer looks twenty times a second."""
    monkeypatch.setattr("queue_service.loops.seal.PERIOD_S", 0.05)


SECRETS = {"passwordHash": A_HASH}
EPHEMERAL = {
    # tasks have their own history; sign-ins are in the application log; a ticket changes nothing that lasts
    *("create-task", "update-task", "delete-task", "open-session", "note-failed-sign-in", "redeem-ticket"),
    # when a key was used last stands with the key
    "note-secret-uses",
    # its one entry is that of a token that was used twice
    "refresh-session",
    # jobs have their attempts; a unit registers each time it starts
    *("submit-job", "submit-jobs", "register-unit", "lease-jobs", "report-jobs", "settle-units"),
}


def entries(database: Database) -> list[dict[str, Any]]:
    """Every entry, `before` and `after` decoded."""
    names = ("id", "actor_kind", "actor_id", "actor_name", "action", "entity", "entity_id", "department_id")
    rows = database.rows(
        f"SELECT {', '.join(names)}, reason, request_id, node, {_quoted(database, 'before')}, "  # noqa: S608
        f"{_quoted(database, 'after')} FROM audit_entry ORDER BY id"
    )
    found = [dict(zip((*names, "reason", "request_id", "node", "before", "after"), row, strict=True)) for row in rows]
    return [e | {side: json.loads(e[side]) if e[side] else None for side in ("before", "after")} for e in found]


def _quoted(database: Database, name: str) -> str:
    return f"`{name}`" if database.kind == "mysql" else f'"{name}"'


def strangers(name: str, data: dict[str, Any]) -> Command:
    """A command of somebody who is not signed in."""
    return parse_command({"type": name, "data": data, "actor": {"anonymous": "here"}}, size=1, secret=SECRET)


async def done(service: QueueService, *commands: Command) -> list[dict[str, Any]]:
    """What each was answered with; none is refused."""
    found = await outcomes(service, commands)
    assert all(answer.status < 400 for answer in found), found
    return [answer.data for answer in found]


async def test_every_change_of_people_and_configuration_is_put_on_record(
    service: QueueService, database: Database
) -> None:
    registration = strangers("register-user", {"email": "admin@example.com", **SECRETS})
    [registered] = await done(service, registration)
    admin = registered["user"]["id"]
    unit = {"name": "unit", "parentId": 1, "status": 1}
    [department] = await done(service, command("create-department", unit, actor=admin))
    permissions = [ID_OF[Permission.BOARD_VIEW]]
    [role] = await done(
        service, command("create-role", {"name": "r", "permissions": permissions, "status": 1}, actor=admin)
    )
    place = {"departmentId": department["id"], "roleId": role["id"], "status": 1}
    [user] = await done(
        service, command("create-user", {"username": "u", "realName": "U", **place, **SECRETS}, actor=admin)
    )
    done_to = (
        ("update-user", {"userId": user["id"], "updates": {"status": 0}, "resetHash": A_HASH}),
        ("update-department", {"departmentId": department["id"], "updates": {"name": "other"}}),
        ("update-role", {"roleId": role["id"], "updates": {"name": "s"}}),
        ("update-permission", {"permissionId": 1, "status": 0}),
        ("delete-user", {"userId": user["id"]}),
        ("delete-department", {"departmentId": department["id"]}),
        ("delete-role", {"roleId": role["id"]}),
        ("create-task", {"title": "not on record"}),
    )
    for name, data in done_to:
        await done(service, command(name, data, actor=admin))
    first_administrator = {"username": "root", "passwordHash": A_HASH}
    await done(service, command("ensure-administrator", first_administrator))
    found = entries(database)
    assert [(e["action"], e["entity"], e["entity_id"]) for e in found] == [
        ("user.register", "user", admin),
        ("department.create", "department", department["id"]),
        ("role.create", "role", role["id"]),
        ("user.create", "user", user["id"]),
        ("user.update", "user", user["id"]),
        ("department.update", "department", department["id"]),
        ("role.update", "role", role["id"]),
        ("permission.update", "permission", 1),
        ("user.delete", "user", user["id"]),
        ("department.delete", "department", department["id"]),
        ("role.delete", "role", role["id"]),
        ("user.register", "user", user["id"] + 1),
    ]
    assert [e["id"] for e in found] == list(range(1, len(found) + 1))
    assert {(e["actor_kind"], e["actor_id"], e["actor_name"]) for e in found[1:-1]} == {
        ("user", admin, "admin@example.com")
    }
    assert [(e["actor_kind"], e["actor_id"]) for e in (found[0], found[-1])] == [("stranger", None), ("system", None)]
    changed = found[4]
    assert (changed["before"]["status"], changed["after"]["status"]) == (1, 0)
    assert (changed["department_id"], changed["after"]["password"]) == (department["id"], "***")
    assert (found[3]["before"], found[8]["after"]) == (None, None)
    assert A_HASH not in json.dumps(found)


async def test_every_change_of_an_application_is_put_on_record_and_no_secret_is(
    service: QueueService, database: Database
) -> None:
    admin = await register(service)
    profile = {"name": "a program", "departmentId": 1, "scopes": ["board:view"], "status": 1, "secretHash": "d" * 64}
    [made] = await done(service, command("create-application", profile, actor=admin))
    which = {"applicationId": made["id"]}
    done_to = (
        ("update-application", which | {"updates": {"status": 0}}),
        ("add-secret", which | {"secretHash": "e" * 64}),
        ("revoke-secret", which | {"secretId": made["secrets"][0]["id"]}),
        ("delete-application", which),
    )
    for name, data in done_to:
        await done(service, command(name, data, actor=admin))
    found = entries(database)[1:]
    assert [entry["action"].partition(".")[2] for entry in found] == [
        *("create", "update", "add-secret", "revoke-secret", "delete")
    ]
    assert {(entry["entity"], entry["entity_id"], entry["department_id"]) for entry in found} == {
        ("application", made["id"], 1)
    }
    assert [len(entry["after"]["secrets"]) for entry in found[:-1]] == [1, 1, 2, 1]
    assert not {"d" * 64, "e" * 64} & set(json.dumps(found).split('"'))


async def test_what_a_program_does_is_on_record_under_its_own_name(service: QueueService, database: Database) -> None:
    admin = await register(service)
    scopes = ["department:manage"]
    profile = {"name": "a program", "departmentId": 1, "scopes": scopes, "status": 1, "secretHash": "d" * 64}
    [made] = await done(service, command("create-application", profile, actor=admin))
    wire = {
        "type": "create-department",
        "data": {"name": "unit", "parentId": 1, "status": 1},
        "actor": {"applicationId": made["id"]},
    }
    await done(service, parse_command(wire, size=1, secret=SECRET))
    entry = entries(database)[-1]
    assert (entry["actor_kind"], entry["actor_id"], entry["actor_name"]) == ("application", made["id"], "a program")


async def test_what_a_person_does_to_a_unit_is_on_record_and_what_it_does_itself_is_not(
    service: QueueService, database: Database
) -> None:
    admin = await register(service)
    profile = {"name": "a program", "departmentId": 1, "scopes": ["unit:manage"], "status": 1, "secretHash": "d" * 64}
    [program] = await done(service, command("create-application", profile, actor=admin))
    unit = {"id": "u-1", "unitType": "t", "unitName": "A unit", "capacity": 1, "bootNonce": "a"}
    own = {"applicationId": program["id"]}
    for name, data in (("register-unit", unit), ("change-unit", {"unitId": "u-1", "to": "DRAINING"})):
        await done(service, parse_command({"type": name, "data": data, "actor": own}, size=1, secret=SECRET))
    for to in ("ONLINE", "DRAINING", "OFFLINE", "GONE"):
        await done(service, command("change-unit", {"unitId": "u-1", "to": to}, actor=admin))
    found = entries(database)[2:]
    assert [entry["action"] for entry in found] == ["unit.online", "unit.draining", "unit.offline", "unit.gone"]
    assert [(entry["before"] or {}).get("status") for entry in found] == ["DRAINING", "ONLINE", "DRAINING", "OFFLINE"]
    assert found[-1]["after"] is None


async def test_what_is_done_to_a_job_is_on_record(service: QueueService, database: Database) -> None:
    admin = await register(service)
    [job] = await done(service, command("submit-job", {"name": "a job", "taskType": "T"}, actor=admin))
    which = {"taskId": job["id"]}
    await done(service, command("operate-job", which | {"operation": "pause"}, actor=admin))
    await done(service, command("set-job-status", which | {"status": "CANCELLED"}, actor=admin))
    found = entries(database)[1:]
    assert [entry["action"] for entry in found] == ["job.pause", "job.cancel"]
    assert [(e["before"]["status"], e["after"]["status"]) for e in found] == [
        *(("PENDING", "PAUSED"), ("PAUSED", "CANCELLED"))
    ]
    assert {(e["entity"], e["entity_id"], e["department_id"], e["actor_id"]) for e in found} == {
        ("job", job["id"], 1, admin)
    }


async def test_what_a_queue_is_held_to_is_on_record(service: QueueService, database: Database) -> None:
    admin = await register(service)
    which = {"departmentId": 1, "name": "reports"}
    for name, more in (("limit", {"concurrency": 3}), ("pause", {}), ("pause", {}), ("resume", {})):
        await done(service, command(f"{name}-queue", which | more, actor=admin))
    found = entries(database)[1:]
    assert [entry["action"] for entry in found] == ["queue.limit", "queue.pause", "queue.resume"]
    assert (found[0]["before"], found[0]["after"]["concurrency"]) == (None, 3)
    assert [entry["after"]["isPaused"] for entry in found] == [False, True, False]
    assert {(e["entity"], e["department_id"], e["actor_id"]) for e in found} == {("queue", 1, admin)}


async def test_signing_out_everywhere_and_a_token_that_is_used_twice_are_on_record(
    service: QueueService, database: Database
) -> None:
    signed_in = {"familyHash": "f" * 64, "tokenHash": "a" * 64, "lifeS": 60}
    sessions = []
    for name in ("a", "b"):
        registration = command("register-user", {"email": f"{name}@example.com", "session": signed_in, **SECRETS})
        [answer] = await done(service, registration)
        sessions.append({"sessionId": answer["session"]["id"], "userId": answer["user"]["id"]})
    stolen = sessions[0] | {"familyHash": "f" * 64, "tokenHash": "b" * 64, "nextHash": "c" * 64}
    [refused] = await outcomes(service, [strangers("refresh-session", stolen)])
    assert isinstance(refused, TokenReused)
    person = sessions[1]["userId"]
    await done(service, command("end-session", sessions[1] | {"everywhere": True}, actor=person))
    reused, everywhere = entries(database)[2:]
    assert (reused["action"], reused["actor_kind"]) == ("session.token-reused", "stranger")
    assert (everywhere["action"], everywhere["actor_id"]) == ("user.sign-out-everywhere", person)


def test_no_kind_of_command_was_forgotten_above() -> None:
    tried = {"register-user", "ensure-administrator", "end-session"}
    nouns = ("user", "department", "role", "application")
    tried |= {f"{verb}-{noun}" for verb in ("create", "update", "delete") for noun in nouns}
    tried |= {"update-permission", "add-secret", "revoke-secret", "change-unit", "operate-job", "set-job-status"}
    tried |= {"limit-queue", "pause-queue", "resume-queue"}
    assert KINDS.keys() == tried | EPHEMERAL


async def test_an_entry_names_request_node_and_reason(service: QueueService, database: Database) -> None:
    admin = await register(service)
    wire = {
        "type": "create-department",
        "data": {"name": "unit", "parentId": 1, "status": 1},
        "actor": {"userId": admin},
        "requestId": "r-1",
        "reason": "工单 4711",
    }
    await done(service, parse_command(wire, size=1, secret=SECRET, node="here:3000"))
    entry = entries(database)[-1]
    assert (entry["request_id"], entry["node"], entry["reason"]) == ("r-1", "here:3000", "工单 4711")


async def test_what_is_refused_or_given_again_leaves_no_entry(service: QueueService, database: Database) -> None:
    admin = await register(service)
    unit = command("create-department", {"name": "unit", "parentId": 1, "status": 1}, actor=admin, key="k")
    await done(service, unit)
    await done(service, unit)
    await outcomes(service, [command("delete-department", {"departmentId": 1}, actor=admin)])
    assert [entry["action"] for entry in entries(database)] == ["user.register", "department.create"]


async def test_a_change_that_is_rolled_back_takes_its_entry_along_and_its_replay_brings_one(
    service: QueueService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await register(service)
    with first_commit_failing(monkeypatch, database):
        await done(service, command("create-department", {"name": "unit", "parentId": 1, "status": 1}, actor=admin))
    assert [(e["id"], e["action"]) for e in entries(database)] == [(1, "user.register"), (3, "department.create")]
    await all_sealed(service, database)
    assert (await verified(database)).sealed == 2


@contextmanager
def first_commit_failing(monkeypatch: pytest.MonkeyPatch, database: Database) -> Iterator[None]:
    """The next batch is rolled back instead of committed: by a deadlock, or because another process writes."""
    commit, left = Transaction.commit, [None]
    error: Exception = pymysql.err.OperationalError(1213, "Deadlock found")
    if database.kind == "sqlite":
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY

    async def committed(tx: Transaction) -> None:
        if tx.concerns_rows and left:
            left.pop()
            raise OperationalError("COMMIT", None, error)
        await commit(tx)

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "commit", committed)
        yield
    assert not left


async def all_sealed(service: QueueService, database: Database) -> None:
    """Wait until the last entry has its seal."""
    last = "SELECT (SELECT MAX(id) FROM audit_entry) = (SELECT MAX(entry_id) FROM audit_seal)"
    await eventually(lambda: database.rows(last)[0][0], what="the last entry being sealed")


async def verified(database: Database, expected: Seal | None = None) -> Verdict:
    engine = reader_engine(database.url, 1)
    try:
        async with engine.connect() as connection:
            return await verify(connection, expected, lambda _: None)
    finally:
        await engine.dispose()


async def test_no_seal_passes_a_batch_that_is_open(service: QueueService, database: Database) -> None:
    await register(service)
    await all_sealed(service, database)
    open_batch = service.events.reserve([], 1)
    await register(service, "second@example.com")
    seen = service.loops.runs["seal"]
    await eventually(lambda: service.loops.runs["seal"] >= seen + 2, what="the sealer looking twice")
    assert database.rows("SELECT entry_id FROM audit_seal") == [(1,)]
    assert (await verified(database)).unsealed == 1
    service.events.settle(open_batch, happened=False)
    await all_sealed(service, database)
    assert database.rows("SELECT entry_id FROM audit_seal ORDER BY entry_id") == [(1,), (3,)]


def test_the_horizon_is_the_first_entry_of_the_first_open_batch() -> None:
    log = EventLog(1)
    log.load([], last_audit_id=10)
    assert log.audit_horizon == 11
    early, without, late = log.reserve(["a"], 2), log.reserve(["b"]), log.reserve([], 3)
    assert (early.audit_ids, late.audit_ids) == (range(11, 13), range(13, 16))
    log.settle(late, happened=True)
    assert log.audit_horizon == 11
    log.settle(early, happened=True)
    assert log.audit_horizon == 16
    log.settle(without, happened=True)
    assert (log.audit_horizon, log.position) == (16, (1, 2))


async def test_entries_in_doubt_are_asked_of_the_database_also_without_an_event(
    service: QueueService, database: Database
) -> None:
    await register(service)
    await all_sealed(service, database)
    doubts = Doubts(service.events)
    in_doubt = service.events.reserve([], 1)
    doubts.settle_or_put_off([in_doubt], in_doubt=True)
    assert (len(doubts), service.events.audit_horizon) == (1, 2)
    await doubts.look_up(service._sessions[0])
    assert (in_doubt.settled, in_doubt.happened, service.events.audit_horizon) == (True, False, 3)


async def test_the_next_leader_goes_on_with_ids_and_chain(database: Database, tmp_path: Path) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        await register(service, "a@example.com")
        await all_sealed(service, database)
    async with leading(settings_for(database, tmp_path)) as service:
        await register(service, "b@example.com")
        await all_sealed(service, database)
    verdict = await verified(database)
    assert (verdict.sealed, verdict.faults) == (2, [])


CHANGES = {
    "an entry is changed": ("UPDATE audit_entry SET reason = 'x' WHERE id = 2", ["entry 2 is not what was sealed"]),
    "an entry is taken away": ("DELETE FROM audit_entry WHERE id = 2", ["entry 2 was taken away"]),
    "an entry and its seal are taken away": (
        "DELETE FROM audit_seal WHERE entry_id = 2",
        ["entry 2 was added later", "entry 3 is not what was sealed"],
    ),
    "a seal is changed": (
        "UPDATE audit_seal SET seal = 'x' WHERE entry_id = 2",
        ["entry 2 is not what was sealed", "entry 3 is not what was sealed"],
    ),
    "who did it is changed": ("UPDATE audit_entry SET actor_id = 9 WHERE id = 3", ["entry 3 is not what was sealed"]),
    "when it was done is changed": (
        "UPDATE audit_entry SET at = '2020-01-01 00:00:00.000000' WHERE id = 1",
        ["entry 1 is not what was sealed"],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_whatever_is_done_to_a_sealed_entry_is_found(
    service: QueueService, database: Database, change: str
) -> None:
    for name in "abcd":
        await register(service, f"{name}@example.com")
    await all_sealed(service, database)
    verdict = await verified(database)
    assert (verdict.sealed, verdict.unsealed, verdict.faults) == (4, 0, [])
    statement, faults = CHANGES[change]
    database.rows(statement)
    found = (await verified(database)).faults
    assert len(found) == len(faults)
    for wanted, said in zip(faults, found, strict=True):
        assert said.startswith(wanted)


async def test_a_seal_that_was_kept_elsewhere_is_looked_for(service: QueueService, database: Database) -> None:
    await register(service)
    await all_sealed(service, database)
    kept = (await verified(database)).newest
    assert (await verified(database, kept)).has_expected
    for other in (Seal(kept.entry_id, "0" * 64), Seal(kept.entry_id + 1, kept.seal)):
        assert not (await verified(database, other)).has_expected


async def test_a_log_that_lost_its_end_never_uses_an_id_twice(database: Database, tmp_path: Path) -> None:
    async with leading(settings_for(database, tmp_path)) as service:
        await register(service, "a@example.com")
        await register(service, "b@example.com")
        await all_sealed(service, database)
    database.rows("DELETE FROM audit_entry WHERE id = 2")
    async with leading(settings_for(database, tmp_path)) as service:
        await register(service, "c@example.com")
        await all_sealed(service, database)
    assert [entry["id"] for entry in entries(database)] == [1, 3]
    assert (await verified(database)).faults == ["entry 2 was taken away: its seal is still there"]


async def test_an_idle_daemon_does_not_look_for_entries(
    service: QueueService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(service)
    await all_sealed(service, database)
    seen = service.loops.runs["seal"]
    await eventually(lambda: service.loops.runs["seal"] > seen, what="the sealer being idle")

    async def asked(*_: object) -> None:
        raise AssertionError("it asked the database")

    monkeypatch.setattr("queue_service.store.audit.between", asked)
    seen = service.loops.runs["seal"]
    await eventually(lambda: service.loops.runs["seal"] > seen, what="the sealer going on")


async def test_many_at_once_are_one_chain(service: QueueService, database: Database) -> None:
    commands = [command("register-user", {"email": f"u{i}@example.com", **SECRETS}) for i in range(60)]
    await asyncio.gather(*(service.intake.submit(c) for c in commands))
    await all_sealed(service, database)
    verdict = await verified(database)
    assert (verdict.sealed, verdict.faults) == (60, [])
