"""Reading applications with where they stand: what the writer and the nodes select of one that acts, or is shown."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause

from shared.applications import Application, place_of
from shared.db.grants import granted_ids, ids_of
from shared.db.tables import application, application_scope, department
from shared.organisation import Place

Placed = tuple[Application, Place]

SCOPES: Final[tuple[ColumnElement[str], ...]] = (
    granted_ids(application_scope.c.application_id),
    granted_ids(application_scope.c.application_id, only_enabled=True),
)
OF_AN_APPLICATION: Final[tuple[ColumnElement[Any], ...]] = (*application.columns, *SCOPES)
OF_ITS_PLACE: Final[tuple[ColumnElement[Any], ...]] = (
    department.c.name,
    department.c.path,
    department.c.enabled,
)
IN_DEPARTMENTS: Final[FromClause] = application.join(department, department.c.id == application.c.department_id)


def placed_of(values: Sequence[Any]) -> Placed:
    """The application and its place, of the values of OF_AN_APPLICATION and OF_ITS_PLACE in this order."""
    of_itself = list(values[: len(OF_AN_APPLICATION)])
    of_itself[-len(SCOPES) :] = map(ids_of, of_itself[-len(SCOPES) :])
    found = Application(*of_itself)
    name, path, is_enabled = values[len(OF_AN_APPLICATION) :]
    return found, place_of(found, department_name=name, path=path, department_enabled=is_enabled)
