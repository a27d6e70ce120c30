"""Say in one line what is wrong with the database: the setting that leads there, the fault, what to do.

No line holds the password: the URL is never repeated whole.
"""

from types import MappingProxyType
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError

from shared.settings import Settings

_BY_NUMBER: Final = MappingProxyType(
    {
        1044: "{user} may not use the database {database} at {server}: grant it, or name another",
        1045: "{server} does not let {user} in: wrong user or password",
        1049: "there is no database {database} at {server}: create it, or name another",
        1698: "{server} does not let {user} in: wrong user or password",
        2003: "no database server answers at {server}: start it, or correct host and port",
    }
)


def describe(settings: Settings, error: Exception) -> str:
    """One line about an error (SQLAlchemyError or OSError) that came from using `settings.database`."""
    setting = "DATABASE_URL" if settings.database_url else "DATA_DIR"
    url = make_url(settings.database)
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if url.get_backend_name() == "mysql" and cause.args and cause.args[0] in _BY_NUMBER:
        names = {"user": url.username, "database": url.database, "server": _server(url)}
        return f"{setting}: {_BY_NUMBER[cause.args[0]].format(**names)}"
    reason = " ".join(str(cause).split())
    where = _server(url) if url.get_backend_name() == "mysql" else url.database
    return f"{setting}: {where} cannot be used: {reason}"


def _server(url: URL) -> str:
    return f"{url.host or 'localhost'}:{url.port or 3306}"
