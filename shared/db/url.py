"""Whether a database URL can lead to a database at all, before anything connects."""

from types import MappingProxyType
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

_OPTIONS: Final = MappingProxyType({"mysql": frozenset({"charset", "unix_socket"}), "sqlite": frozenset()})
_CHARSETS: Final = (None, "utf8mb4")
_LAST_PORT: Final = 65535


def problem_of(database_url: str) -> str | None:
    """What is wrong with it, in words that repeat neither user nor password; None when it can be tried."""
    try:
        url = make_url(database_url)
    except (SQLAlchemyError, ValueError):
        return "it cannot be read (in a password, write / : @ % as %2F %3A %40 %25)"
    if url.drivername not in _OPTIONS:
        return "it is of no known kind"
    if not url.database:
        return "it names no database"
    if url.drivername == "sqlite" and (url.host or url.database == ":memory:"):
        return "it names no file that several processes could share"
    if url.port is not None and not 1 <= url.port <= _LAST_PORT:
        return f"its port must be 1-{_LAST_PORT}"
    return _wrong_option(url)


def _wrong_option(url: URL) -> str | None:
    # anything else reaches the driver as an argument that it may not know, or that undoes one of ours
    known = _OPTIONS[url.drivername]
    if unknown := sorted(set(url.query) - known):
        allowed = f"only {' and '.join(sorted(known))} may be given" if known else "none may be given"
        return f"it has the unknown option {unknown[0][:40]!r} ({allowed})"
    if twice := sorted(name for name, value in url.query.items() if not isinstance(value, str)):
        return f"it has the option {twice[0]!r} twice"
    if url.query.get("charset") not in _CHARSETS:
        return "its charset must be utf8mb4"
    return None
