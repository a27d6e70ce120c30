"""Every row of the table of routes, described. A row without its description fails `make check` and a test."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from api_node.openapi.operation import Operation
from api_node.openapi.operations import (
    accounts,
    applications,
    audit,
    board,
    jobs,
    live,
    operators,
    organisation,
    queues,
    reference,
    system,
    units,
)

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        **accounts.OPERATIONS,
        **operators.OPERATIONS,
        **organisation.OPERATIONS,
        **applications.OPERATIONS,
        **audit.OPERATIONS,
        **jobs.OPERATIONS,
        **queues.OPERATIONS,
        **units.OPERATIONS,
        **board.OPERATIONS,
        **live.OPERATIONS,
        **system.OPERATIONS,
        **reference.OPERATIONS,
    }
)
"""By method and path as the table of routes has them, such as `GET /api/tasks/{id}`."""
