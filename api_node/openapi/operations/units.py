"""`/api/v1/execution-units`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from api_node.openapi.job_answers import (
    LeasedJobs,
    RegisteredUnit,
    ReportResults,
    Unit,
    UnitBeat,
    UnitPage,
    UnitStatistics,
)
from api_node.openapi.operation import Answer, Operation, Query
from api_node.openapi.operations.jobs import CURSOR_PAGES
from api_node.openapi.operations.operators import KEYWORD
from shared.commands import RowId
from shared.errors import Conflict, DatabaseUnavailable, QueueFull, QueueUnreachable, ShuttingDown
from shared.job_commands import Beat, Claim, NewUnit, ReportList, UnitId
from shared.units import UnitStatus

_PATH: Final[Mapping[str, Any]] = MappingProxyType({"id": UnitId})
_OF_THE_ENGINE: Final = (Conflict, DatabaseUnavailable, QueueFull, QueueUnreachable, ShuttingDown)


def _change(name: str, summary: str) -> Operation:
    return Operation(
        id=name,
        tag="Execution units",
        summary=summary,
        path=_PATH,
        answers={200: Answer("the unit as it is now", Unit, headers=("ETag",))},
        is_write=True,
    )


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "GET /api/v1/execution-units": Operation(
            id="listUnits",
            tag="Execution units",
            summary="List units",
            query=(*CURSOR_PAGES, Query("status", UnitStatus, "exactly this; may be repeated")),
            answers={200: Answer("one page", UnitPage)},
        ),
        "POST /api/v1/execution-units/register": Operation(
            id="registerUnit",
            tag="Execution units",
            summary="Register a unit",
            body=NewUnit,
            answers={
                200: Answer("the unit, which was there before", RegisteredUnit, headers=("ETag",)),
                201: Answer("the unit", RegisteredUnit, headers=("ETag",)),
            },
            is_write=True,
        ),
        "GET /api/v1/execution-units/available": Operation(
            id="listAvailableUnits",
            tag="Execution units",
            summary="List units that have room",
            query=(*CURSOR_PAGES, Query("taskType", KEYWORD, "that run this type of job")),
            answers={200: Answer("one page", UnitPage)},
        ),
        "GET /api/v1/execution-units/statistics": Operation(
            id="countUnits",
            tag="Execution units",
            summary="Count units",
            answers={200: Answer("the counts", UnitStatistics)},
        ),
        "GET /api/v1/execution-units/{id}": Operation(
            id="getUnit",
            tag="Execution units",
            summary="Read a unit",
            path=_PATH,
            query=(Query("departmentId", RowId, "of this department"),),
            answers={200: Answer("the unit", Unit)},
        ),
        "DELETE /api/v1/execution-units/{id}": Operation(
            id="deregisterUnit",
            tag="Execution units",
            summary="Deregister a unit",
            path=_PATH,
            answers={204: Answer("it is forgotten")},
            is_write=True,
        ),
        "POST /api/v1/execution-units/{id}/heartbeat": Operation(
            id="beatUnit",
            tag="Execution units",
            summary="Beat: a unit's sign of life",
            path=_PATH,
            body=Beat,
            answers={200: Answer("the unit, and what it should know", UnitBeat)},
            errors=_OF_THE_ENGINE,
        ),
        "POST /api/v1/execution-units/{id}/claim": Operation(
            id="claimJobs",
            tag="Execution units",
            summary="Claim jobs, waiting for them",
            path=_PATH,
            body=Claim,
            answers={200: Answer("the jobs", LeasedJobs)},
            errors=_OF_THE_ENGINE,
        ),
        "POST /api/v1/execution-units/{id}/reports": Operation(
            id="reportJobs",
            tag="Execution units",
            summary="Report what became of attempts",
            path=_PATH,
            body=ReportList,
            answers={200: Answer("what became of each report", ReportResults)},
            is_write=True,
        ),
        "POST /api/v1/execution-units/{id}/drain": _change("drainUnit", "Give a unit no more"),
        "POST /api/v1/execution-units/{id}/offline": _change("takeOutUnit", "Take a unit out"),
        "POST /api/v1/execution-units/{id}/online": _change("letInUnit", "Let a unit in again"),
    }
)
