"""Health, the queue's status, metrics."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from api_node.openapi.answers import Health, HealthOfV1, HealthV1, QueueStatusAnswer, Readiness
from api_node.openapi.operation import TEXT, Answer, Operation
from shared.errors import ConsoleError, DatabaseUnavailable, QueueUnreachable, ShuttingDown, Unavailable


def _health(identifier: str, summary: str, shape: Any, *errors: type[ConsoleError]) -> Operation:
    return Operation(
        id=identifier,
        tag="Health",
        summary=summary,
        answers={200: Answer("it answers", shape, is_bare=True)},
        errors=errors or (ShuttingDown,),
    )


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "GET /api/queue/status": Operation(
            id="getQueueStatus",
            tag="Operation",
            summary="Look at the queue service",
            answers={200: Answer("as the queue service says it", QueueStatusAnswer, is_bare=True)},
            errors=(QueueUnreachable,),
        ),
        "GET /api/health": _health("getHealth", "Whether it takes requests", Health),
        "GET /livez": _health("getLiveness", "Whether this node runs", Health),
        "GET /readyz": Operation(
            id="getReadiness",
            tag="Health",
            summary="Whether what it needs answers",
            answers={
                200: Answer("all of it answers", Readiness, is_bare=True),
                503: Answer("something does not", Readiness, is_bare=True),
            },
        ),
        "GET /health": _health("getRootHealth", "The same at another path", Health),
        "GET /health/database": _health(
            "getDatabaseHealth", "Whether the database answers", Health, DatabaseUnavailable
        ),
        "GET /health/redis": _health(
            "getRedisHealth", "Whether Redis answers, where there is one", Health, Unavailable
        ),
        "GET /api/v1/health": _health("getHealthV1", "Whether it takes requests", HealthV1),
        "GET /api/v1/health/database": _health(
            "getDatabaseHealthV1", "Whether the database answers", HealthV1, DatabaseUnavailable
        ),
        "GET /api/v1/health/redis": _health(
            "getRedisHealthV1", "Whether Redis answers, where there is one", HealthV1, Unavailable
        ),
        "GET /v1/health": _health("getHealthOfV1", "Whether it takes requests", HealthOfV1),
        "GET /metrics": Operation(
            id="getMetrics",
            tag="Operation",
            summary="Metrics of one node",
            answers={200: Answer("Prometheus text; the edge does not pass it on", str, True, TEXT)},
        ),
    }
)
