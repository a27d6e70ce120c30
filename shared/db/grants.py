"""What a role grants, and what an application was given: the ids of permissions, read with the row they belong to."""

from typing import Any

from sqlalchemy import Column, ColumnElement, func, literal_column, select

from shared.db.tables import permission
from shared.organisation import ON


def granted_ids(owner: Column[Any], *, only_enabled: bool = False) -> ColumnElement[str]:
    """The ids of the permissions of the row at hand, as a text; None for none.

    `owner` is the column that points from a table of pairs at such rows: `role_permission.role_id`.
    """
    (key,) = owner.foreign_keys
    pairs = owner.table
    wanted = select(func.group_concat(pairs.c.permission_id)).where(owner == key.column)
    if only_enabled:
        wanted = wanted.join(permission, permission.c.id == pairs.c.permission_id)
        # written out: the writer sends the text with parameters of its own
        wanted = wanted.where(permission.c.status == literal_column(str(ON)))
    return wanted.correlate(key.column.table).scalar_subquery()


def ids_of(text: str | None) -> frozenset[int]:
    """The ids in such a text."""
    return frozenset(int(part) for part in str(text).split(",")) if text else frozenset()
