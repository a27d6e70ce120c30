"""What a database's error means for the write that met it, and whether an exception is the driver's or ours."""

import sqlite3

import pymysql
import pytest

from queue_service.store.dialect import MAX_PACKET_BYTES, MySql, _literal, _packets, size_of
from queue_service.store.faults import Fault, classify
from shared.db.driver import has_stumbled


def said(code: int) -> pymysql.err.MySQLError:
    """The driver's exception for what a server says."""
    kind = pymysql.err.error_map.get(code, pymysql.err.OperationalError)
    error: pymysql.err.MySQLError = kind(code, "words")
    return error


@pytest.mark.parametrize(
    "code", [1020, 1021, 1023, 1026, 1030, 1040, 1114, 1135, 1142, 1180, 1213, 1969, 3168, 8022, 64_999]
)
def test_what_a_server_says_about_itself_or_nobody_knows_may_pass(code: int) -> None:
    assert classify(said(code)) is Fault.PASSING


@pytest.mark.parametrize("code", [1064, 1153, 1264, 1292, 1366, 1406, 1452, 1644, 3819, 4025])
def test_what_is_about_the_values_is_for_good(code: int) -> None:
    assert classify(said(code)) is Fault.PERMANENT


@pytest.mark.parametrize("code", [1290, 1792, 1836])
def test_a_server_that_takes_no_writes_is_left(code: int) -> None:
    assert classify(said(code)) is Fault.DEMOTED


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, Fault.PASSING),
        (sqlite3.SQLITE_READONLY, Fault.PASSING),
        (sqlite3.SQLITE_IOERR_WRITE, Fault.PASSING),
        (sqlite3.SQLITE_CANTOPEN, Fault.LOST),
        (sqlite3.SQLITE_ERROR, Fault.PERMANENT),
        (sqlite3.SQLITE_TOOBIG, Fault.PERMANENT),
        (sqlite3.SQLITE_CONSTRAINT_CHECK, Fault.PERMANENT),
        (None, Fault.PERMANENT),
    ],
)
def test_sqlite_tells_likewise(code: int | None, kind: Fault) -> None:
    error = sqlite3.OperationalError("words")
    if code is not None:
        error.sqlite_errorcode = code
    assert classify(error) is kind


def test_only_what_is_raised_in_the_driver_is_its_own() -> None:
    with pytest.raises(IndexError) as stumble:
        pymysql.connections.MysqlPacket(b"", "utf8").read_uint8()
    assert has_stumbled(stumble.value)
    with pytest.raises(ZeroDivisionError) as ours:
        raise ZeroDivisionError
    assert not has_stumbled(ours.value)


@pytest.mark.parametrize("text", ["", "plain", "it's", "'" * 50, '\\\0\n"' * 9, "多" * 20, "🎉'" * 20, "ü"])
def test_a_text_never_takes_more_than_it_is_counted_for(text: str) -> None:
    assert len(_literal(text).encode()) - len("''") <= size_of([text])


@pytest.mark.parametrize("text", ["🎉" * 60_000, "'" * 240_000, "a" * 240_000])
def test_a_packet_stays_within_its_bytes(text: str) -> None:
    packets = list(_packets([MySql.placeholder % _literal(text)] * 40))
    assert sum(map(len, packets)) == 40
    for packet in packets:
        sent = len("; ".join(packet).encode())
        assert sent <= MAX_PACKET_BYTES + 1_000
