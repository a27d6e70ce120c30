"""`/v1/auth` and `/v1/users`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from api_node.console.auth import RefreshBody
from api_node.openapi.answers import Access, Profile, Tokens, User, UserList
from api_node.openapi.errors import OF_THE_QUEUE
from api_node.openapi.operation import Answer, Operation, Query
from api_node.operators import auth, users
from api_node.parameters import MAX_PAGE, MAX_PAGE_SIZE, MAX_TEXT
from shared.commands import RowId
from shared.errors import (
    BadCredentials,
    EmailTaken,
    Forbidden,
    LastAdministrator,
    PeopleOnly,
    TokenReused,
    TokenSuperseded,
    TooManyAttempts,
    Unauthenticated,
    UsernameTaken,
)

PAGES: Final = (
    Query("page", Annotated[int, Field(ge=1, le=MAX_PAGE)], "number of the page, from 1"),
    Query("size", Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)], "on a page; 10"),
)
KEYWORD: Final = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
_SAVED: Final = Answer("the account as it is now", User, headers=("ETag",))

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "POST /v1/auth/login": Operation(
            id="loginByName",
            tag="Accounts",
            summary="Sign in by user name or e-mail",
            body=auth.Login,
            answers={200: Answer("the account, signed in", Access)},
            errors=(BadCredentials, Unauthenticated, TooManyAttempts),
            is_write=True,
        ),
        "POST /v1/auth/refresh": Operation(
            id="refreshOfV1",
            tag="Accounts",
            summary="Get new tokens",
            body=RefreshBody,
            body_is_required=False,
            answers={200: Answer("the next pair of tokens", Tokens)},
            errors=(Unauthenticated, Forbidden, TokenSuperseded, TokenReused, *OF_THE_QUEUE),
        ),
        "POST /v1/auth/logout": Operation(
            id="logoutOfV1",
            tag="Accounts",
            summary="Sign out",
            body=RefreshBody,
            body_is_required=False,
            answers={200: Answer("it is over", type(None))},
            errors=(Unauthenticated, Forbidden, PeopleOnly, *OF_THE_QUEUE),
        ),
        "POST /v1/auth/logout-all": Operation(
            id="logoutEverywhere",
            tag="Accounts",
            summary="Sign out everywhere",
            body=RefreshBody,
            body_is_required=False,
            answers={200: Answer("all of it is over", type(None))},
            errors=(Unauthenticated, Forbidden, PeopleOnly, *OF_THE_QUEUE),
        ),
        "GET /v1/auth/userinfo": Operation(
            id="getUserinfo",
            tag="Accounts",
            summary="Who am I, and what may I do",
            answers={200: Answer("the account", Profile)},
        ),
        "GET /v1/users": Operation(
            id="listUsersOfV1",
            tag="Accounts",
            summary="List accounts",
            query=(
                *PAGES,
                Query("departmentId", RowId, "exactly this one"),
                Query("keyword", KEYWORD, "text in the user name, real name or e-mail"),
            ),
            answers={200: Answer("one page", UserList)},
        ),
        "POST /v1/users": Operation(
            id="createUser",
            tag="Accounts",
            summary="Make an account for somebody",
            body=users.NewUserBody,
            answers={200: Answer("the account", User, headers=("ETag",))},
            errors=(UsernameTaken, EmailTaken, TooManyAttempts),
            is_write=True,
        ),
        "GET /v1/users/{id}": Operation(
            id="getUserOfV1",
            tag="Accounts",
            summary="Read an account",
            answers={200: Answer("the account", User, headers=("ETag",))},
        ),
        "PUT /v1/users/{id}": Operation(
            id="replaceUser",
            tag="Accounts",
            summary="Change an account",
            body=users.UserBody,
            answers={200: _SAVED},
            errors=(UsernameTaken, EmailTaken, LastAdministrator, TooManyAttempts),
            is_write=True,
            is_versioned=True,
        ),
        "DELETE /v1/users/{id}": Operation(
            id="deleteUser",
            tag="Accounts",
            summary="Delete an account",
            answers={200: Answer("the account as it was", User, headers=("ETag",))},
            errors=(LastAdministrator,),
            is_write=True,
            is_versioned=True,
        ),
        "PATCH /v1/users/{id}/password": Operation(
            id="changePassword",
            tag="Accounts",
            summary="Change one's own password",
            body=users.PasswordBody,
            answers={200: Answer("it is changed", type(None))},
            errors=(TooManyAttempts,),
            is_write=True,
        ),
    }
)
