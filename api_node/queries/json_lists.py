"""Looking into lists of strings that a column holds as JSON."""

from sqlalchemy import ColumnElement, func, or_

from shared.jsonio import dumps


def is_listed(text: str, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the list has this string. No string inside has a bare quote. Not LIKE, which on SQLite forgets about
    case."""
    wanted = dumps(text).decode()
    return or_(*(func.instr(column, before + wanted) > 0 for before in "[,"))
