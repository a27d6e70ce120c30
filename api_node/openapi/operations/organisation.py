"""`/v1/departments`, `/v1/roles` and `/v1/permissions`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from api_node.openapi.answers import Department, DepartmentList, PermissionShape, Role, RoleList
from api_node.openapi.operation import Answer, Operation, Query
from api_node.openapi.operations.operators import KEYWORD, PAGES
from api_node.operators import departments, roles
from shared.errors import BuiltIn, InUse, LastAdministrator, RoleNameTaken
from shared.organisation_commands import NewDepartment, NewRole

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "GET /v1/departments": Operation(
            id="listDepartments",
            tag="Organisation",
            summary="List departments",
            query=(Query("keyword", KEYWORD, "text in the name"),),
            answers={200: Answer("all that the viewer sees", DepartmentList)},
        ),
        "POST /v1/departments": Operation(
            id="createDepartment",
            tag="Organisation",
            summary="Make a department",
            body=NewDepartment,
            answers={200: Answer("the department", Department, headers=("ETag",))},
            is_write=True,
        ),
        "GET /v1/departments/{id}": Operation(
            id="getDepartment",
            tag="Organisation",
            summary="Read a department",
            answers={200: Answer("the department", Department, headers=("ETag",))},
        ),
        "PUT /v1/departments/{id}": Operation(
            id="replaceDepartment",
            tag="Organisation",
            summary="Change, move or turn off a department",
            body=departments.DepartmentBody,
            answers={200: Answer("the department as it is now", Department, headers=("ETag",))},
            errors=(LastAdministrator,),
            is_write=True,
            is_versioned=True,
        ),
        "DELETE /v1/departments/{id}": Operation(
            id="deleteDepartment",
            tag="Organisation",
            summary="Delete an empty department",
            answers={200: Answer("the department as it was", Department, headers=("ETag",))},
            errors=(InUse, BuiltIn),
            is_write=True,
            is_versioned=True,
        ),
        "GET /v1/roles": Operation(
            id="listRoles",
            tag="Organisation",
            summary="List roles",
            query=(*PAGES, Query("keyword", KEYWORD, "text in the name")),
            answers={200: Answer("one page", RoleList)},
        ),
        "POST /v1/roles": Operation(
            id="createRole",
            tag="Organisation",
            summary="Make a role",
            body=NewRole,
            answers={200: Answer("the role", Role, headers=("ETag",))},
            errors=(RoleNameTaken,),
            is_write=True,
        ),
        "GET /v1/roles/{id}": Operation(
            id="getRole",
            tag="Organisation",
            summary="Read a role",
            answers={200: Answer("the role", Role, headers=("ETag",))},
        ),
        "PUT /v1/roles/{id}": Operation(
            id="replaceRole",
            tag="Organisation",
            summary="Change a role",
            body=roles.RoleBody,
            answers={200: Answer("the role as it is now", Role, headers=("ETag",))},
            errors=(RoleNameTaken, BuiltIn),
            is_write=True,
            is_versioned=True,
        ),
        "DELETE /v1/roles/{id}": Operation(
            id="deleteRole",
            tag="Organisation",
            summary="Delete a role that nobody has",
            answers={200: Answer("the role as it was", Role, headers=("ETag",))},
            errors=(InUse, BuiltIn),
            is_write=True,
            is_versioned=True,
        ),
        "GET /v1/permissions": Operation(
            id="listPermissions",
            tag="Organisation",
            summary="List permissions",
            answers={200: Answer("every permission there is", list[PermissionShape])},
        ),
        "PUT /v1/permissions/{id}": Operation(
            id="turnPermission",
            tag="Organisation",
            summary="Turn a permission on or off",
            body=roles.PermissionBody,
            answers={200: Answer("the permission as it is now", PermissionShape, headers=("ETag",))},
            errors=(BuiltIn,),
            is_write=True,
            is_versioned=True,
        ),
    }
)
