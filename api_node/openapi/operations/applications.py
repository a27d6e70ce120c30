"""`/v1/applications`, and why somebody can or cannot."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from api_node.openapi.answers import (
    Application,
    ApplicationExplanation,
    ApplicationList,
    ApplicationWithKey,
    UserExplanation,
)
from api_node.openapi.operation import Answer, Operation, Query
from api_node.openapi.operations.operators import KEYWORD, PAGES
from api_node.operators import applications
from shared.application_commands import ApplicationProfile
from shared.commands import RowId
from shared.errors import TooManySecrets
from shared.permissions import Permission

_CODE: Final = Annotated[str, Field(json_schema_extra={"enum": [code.value for code in Permission]})]
_OF_A_PERMISSION: Final = MappingProxyType({"id": RowId, "code": _CODE})
_OF_A_DEPARTMENT: Final = (Query("departmentId", RowId, "also, whether it sees this department"),)

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "GET /v1/applications": Operation(
            id="listApplications",
            tag="Applications",
            summary="List applications",
            query=(
                *PAGES,
                Query("departmentId", RowId, "exactly this one"),
                Query("keyword", KEYWORD, "text in the name"),
            ),
            answers={200: Answer("one page", ApplicationList)},
        ),
        "POST /v1/applications": Operation(
            id="createApplication",
            tag="Applications",
            summary="Make an application",
            body=ApplicationProfile,
            answers={200: Answer("the application and its first key", ApplicationWithKey, headers=("ETag",))},
            is_write=True,
        ),
        "GET /v1/applications/{id}": Operation(
            id="getApplication",
            tag="Applications",
            summary="Read an application",
            answers={200: Answer("the application", Application, headers=("ETag",))},
        ),
        "PUT /v1/applications/{id}": Operation(
            id="replaceApplication",
            tag="Applications",
            summary="Change an application",
            body=applications.ApplicationBody,
            answers={200: Answer("the application as it is now", Application, headers=("ETag",))},
            is_write=True,
            is_versioned=True,
        ),
        "DELETE /v1/applications/{id}": Operation(
            id="deleteApplication",
            tag="Applications",
            summary="Delete an application",
            answers={200: Answer("the application as it was", Application, headers=("ETag",))},
            is_write=True,
            is_versioned=True,
        ),
        "POST /v1/applications/{id}/secrets": Operation(
            id="addSecret",
            tag="Applications",
            summary="Make a second key, to change over to",
            answers={200: Answer("the application and its new key", ApplicationWithKey, headers=("ETag",))},
            errors=(TooManySecrets,),
            is_write=True,
            is_versioned=True,
        ),
        "DELETE /v1/applications/{id}/secrets/{secretId}": Operation(
            id="revokeSecret",
            tag="Applications",
            summary="Revoke a key",
            path=MappingProxyType({"id": RowId, "secretId": RowId}),
            answers={200: Answer("the application as it is now", Application, headers=("ETag",))},
            is_write=True,
            is_versioned=True,
        ),
        "GET /v1/users/{id}/permissions/{code}": Operation(
            id="explainUser",
            tag="Organisation",
            summary="Why somebody can, or cannot",
            path=_OF_A_PERMISSION,
            query=_OF_A_DEPARTMENT,
            answers={200: Answer("whether, and why", UserExplanation)},
        ),
        "GET /v1/applications/{id}/permissions/{code}": Operation(
            id="explainApplication",
            tag="Applications",
            summary="Why an application can, or cannot",
            path=_OF_A_PERMISSION,
            query=_OF_A_DEPARTMENT,
            answers={200: Answer("whether, and why", ApplicationExplanation)},
        ),
    }
)
