"""What went wrong in the database, in the few kinds the writer acts on. Every driver's error codes are here."""

import sqlite3
from enum import StrEnum
from typing import Final

import pymysql
from sqlalchemy.exc import DBAPIError


class Fault(StrEnum):
    """How a database error is to be met."""

    LOST = "lost"
    """The connection is gone, or so silent that it counts as gone: what was in flight may have happened."""
    DEMOTED = "demoted"
    """This server takes no writes (read-only, without quorum): it did not happen; another connection may reach one
    that does."""
    PASSING = "passing"
    """Deadlock, busy, disk full, and whatever a server says that nobody knows: the same transaction may succeed."""
    ROW_LOCKED = "row_locked"
    """One row is held by somebody else: the transaction did not happen, and its neighbours need not wait."""
    DUPLICATE = "duplicate"
    """A key is there already: an earlier commit of ours happened after all, or somebody else wrote the row."""
    PERMANENT = "permanent"
    """This statement will never work with these values: the driver or the code says that it is about them."""


class DatabaseFault(Exception):
    """A transaction failed and was rolled back. `in_doubt`: its COMMIT was sent, and it may have happened all the same.
    `concerns_rows`: it failed at the rows of its commands, not before."""

    def __init__(
        self, kind: Fault, cause: BaseException, *, in_doubt: bool = False, concerns_rows: bool = False
    ) -> None:
        # the driver's own words: SQLAlchemy would add the statement and its values, which do not belong into a log
        super().__init__(f"{kind}: {cause.orig if isinstance(cause, DBAPIError) else cause!r}")
        self.kind = kind
        self.cause = cause
        self.in_doubt = in_doubt
        self.concerns_rows = concerns_rows


DRIVER_ERRORS: Final = (pymysql.err.MySQLError, sqlite3.Error)
"""What the drivers raise when they are called directly."""

_ROW_LOCKED: Final = {1205, 3572}
_DUPLICATE: Final = {1062, 1586}
_LOST: Final = {1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1317, 1927, 2003, 2006, 2013, 2014, 2055, 4031}
_DEMOTED: Final = {1047, 1290, 1792, 1836, 3100}  # no quorum, read-only, rejected by the group
_PERMANENT: Final = {
    *(1054, 1064, 1136, 1146),  # the statement itself
    *(1118, 1153, 1292, 1390, 1406, 1690),  # too long, too large, out of range
    *(1644, 3819, 4025),  # SIGNAL of a trigger, CHECK
}
_ABOUT_VALUES: Final = (
    pymysql.err.DataError,
    pymysql.err.IntegrityError,
    pymysql.err.ProgrammingError,
    pymysql.err.NotSupportedError,
)
_PERMANENT_SQLITE: Final = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_RANGE,
    sqlite3.SQLITE_MISUSE,
}

# A COMMIT that fails with one of these was rolled back for certain. Anything else it fails with leaves doubt: after an
# I/O error the commit record may be on the disk, and recovery after a crash would find it.
_ROLLED_BACK: Final = _ROW_LOCKED | _DUPLICATE | _DEMOTED | {1213, 1020, 3101, 8002, 8022, 9007}
_ROLLED_BACK_SQLITE: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CONSTRAINT}


def leaves_doubt(error: BaseException) -> bool:
    """Whether a COMMIT that ended in this error may have happened."""
    cause = _driver_error(error)
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF not in _ROLLED_BACK_SQLITE
    return not (isinstance(cause, pymysql.err.MySQLError) and cause.args and cause.args[0] in _ROLLED_BACK)


def classify(error: BaseException) -> Fault:
    """The kind of a driver's error. What a server says and nobody knows is PASSING: a write is answered 503 after some
    replays, and one that was accepted is not given up for it. What is no driver's error at all is PERMANENT."""
    cause = _driver_error(error)
    if isinstance(cause, OSError | EOFError | TimeoutError):
        return Fault.LOST
    if isinstance(cause, sqlite3.Error):
        return _classify_sqlite(cause)
    if isinstance(cause, pymysql.err.MySQLError):
        return _classify_mysql(cause)
    return Fault.LOST if isinstance(error, DBAPIError) and error.connection_invalidated else Fault.PERMANENT


def _driver_error(error: BaseException) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig else error


def _classify_mysql(cause: BaseException) -> Fault:
    code = cause.args[0] if cause.args else None
    if code in _LOST or isinstance(cause, pymysql.err.InterfaceError):
        return Fault.LOST
    if code in _ROW_LOCKED:
        return Fault.ROW_LOCKED
    if code in _DUPLICATE:
        return Fault.DUPLICATE
    if code in _DEMOTED:
        return Fault.DEMOTED
    # all else is about the server: deadlock, disk or memory full, too many connections, starting, a write conflict
    return Fault.PERMANENT if code in _PERMANENT or isinstance(cause, _ABOUT_VALUES) else Fault.PASSING


def _classify_sqlite(cause: sqlite3.Error) -> Fault:
    code = getattr(cause, "sqlite_errorcode", None)
    if code in (
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_ROWID,
    ):
        return Fault.DUPLICATE
    if code is None:
        return Fault.PERMANENT  # the driver itself refused the values
    primary = code & 0xFF  # extended codes keep the primary one in the low byte
    if primary == sqlite3.SQLITE_CANTOPEN:
        return Fault.LOST
    return Fault.PERMANENT if primary in _PERMANENT_SQLITE else Fault.PASSING
