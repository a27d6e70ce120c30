"""`/api/auth` and `/api/users`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from api_node.console import auth, users
from api_node.openapi.answers import Access, Account, Nothing, Tokens, User, UserPage
from api_node.openapi.errors import OF_THE_QUEUE
from api_node.openapi.operation import Answer, Operation, Query
from api_node.parameters import MAX_PAGE, MAX_PAGE_SIZE, MAX_TEXT
from shared.errors import (
    BadCredentials,
    EmailTaken,
    Forbidden,
    LastAdministrator,
    PeopleOnly,
    RegistrationClosed,
    TokenReused,
    TokenSuperseded,
    TooManyAttempts,
    Unauthenticated,
    UsernameTaken,
)

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "POST /api/auth/register": Operation(
            id="register",
            tag="Accounts",
            summary="Make an account",
            body=auth.NewCredentials,
            answers={201: Answer("the account, signed in", Access)},
            errors=(RegistrationClosed, EmailTaken, BadCredentials, Unauthenticated, TooManyAttempts),
            is_write=True,
        ),
        "POST /api/auth/login": Operation(
            id="login",
            tag="Accounts",
            summary="Sign in",
            body=auth.Credentials,
            answers={200: Answer("the account, signed in", Access)},
            errors=(BadCredentials, Unauthenticated, TooManyAttempts),
            is_write=True,
        ),
        "POST /api/auth/refresh": Operation(
            id="refresh",
            tag="Accounts",
            summary="Get new tokens",
            body=auth.RefreshBody,
            body_is_required=False,
            answers={200: Answer("the next pair of tokens", Tokens)},
            errors=(Unauthenticated, Forbidden, TokenSuperseded, TokenReused, *OF_THE_QUEUE),
        ),
        "POST /api/auth/logout": Operation(
            id="logout",
            tag="Accounts",
            summary="Sign out",
            body=auth.LogoutBody,
            body_is_required=False,
            answers={200: Answer("it is over", Nothing)},
            errors=(Unauthenticated, Forbidden, PeopleOnly, *OF_THE_QUEUE),
        ),
        "GET /api/auth/me": Operation(
            id="getMe",
            tag="Accounts",
            summary="Who am I",
            answers={200: Answer("the account", Account)},
        ),
        "GET /api/users": Operation(
            id="listUsers",
            tag="Accounts",
            summary="List accounts",
            query=(
                Query(
                    "q",
                    Annotated[str, Field(min_length=1, max_length=MAX_TEXT)],
                    "text in the user name, real name or e-mail",
                ),
                Query("role", users.BuiltInRole, "exactly this one"),
                Query("page", Annotated[int, Field(ge=1, le=MAX_PAGE)], "number of the page, from 1"),
                Query("pageSize", Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)], "accounts on a page; 20"),
                Query("cursor", str, "`nextCursor` of the page before, instead of `page`"),
            ),
            answers={200: Answer("one page", UserPage)},
        ),
        "GET /api/users/{id}": Operation(
            id="getUser",
            tag="Accounts",
            summary="Read an account",
            headers=("If-None-Match",),
            answers={
                200: Answer("the account", User, headers=("ETag",)),
                304: Answer("it is still what `If-None-Match` names", headers=("ETag",)),
            },
        ),
        "PATCH /api/users/{id}": Operation(
            id="updateUser",
            tag="Accounts",
            summary="Change an account",
            body=users.UserChange,
            names_one_of=(*users.UserChanges.model_fields, "password"),
            answers={200: Answer("the account as it is now", User, headers=("ETag",))},
            errors=(EmailTaken, UsernameTaken, LastAdministrator, TooManyAttempts),
            is_write=True,
            is_versioned=True,
        ),
    }
)
