"""The lean reference: the naive app again, by someone who counts microseconds. To see how far the naive one could go.

    python -m loadtest.bench.lean '{"port": ..., "database_url": ..., "secret": ...}'

No SQLAlchemy: hand-written statements on the bare drivers. The account behind a token is believed for three seconds, as
the product believes it. aiomysql with a pool of 10; on SQLite one connection, taken in turn, which beats a pool there
(its writers would only sleep for each other's lock). Still one transaction a request, and the same answers.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final, Protocol

import aiomysql
import aiosqlite
import jwt
from sqlalchemy import make_url
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from loadtest.bench.naive import ALGORITHM, POOL_SIZE, NaiveOrder, TaskChange, health, serve
from shared.clock import SystemClock
from shared.commands import TaskFields
from shared.db.tables import task_table
from shared.organisation import ADMINISTRATOR_ID

BELIEVED_FOR_S: Final = 3.0
_GIVEN: Final = ("title", "category", "tag", "description", "status", "assignedToUserId")
_SHOWN: Final = [column.name for column in task_table.columns if column.name != "deletedAt"]
_CREATED: Final = (*_GIVEN, "createdByUserId", "department_id", "version", "createdAt", "updatedAt")
_INSERT: Final = f"INSERT INTO task_table ({', '.join(_CREATED)}) VALUES ({', '.join('?' * len(_CREATED))})"  # noqa: S608
_SELECT: Final = f"SELECT {', '.join(_SHOWN)} FROM task_table WHERE id = ? AND deletedAt IS NULL"  # noqa: S608
_ACCOUNT: Final = "SELECT role_id, department_id FROM user_table WHERE id = ? AND deletedAt IS NULL"


class Transaction(Protocol):
    """One transaction. `?` stands for a parameter."""

    async def run(self, sql: str, *values: Any) -> tuple[int, int]:
        """The number of rows matched, and the id of the row inserted."""

    async def row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        """The one row, if there is one."""


class OnMySQL:
    """A transaction on a pooled connection."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    async def run(self, sql: str, *values: Any) -> tuple[int, int]:
        matched = await self._cursor.execute(sql.replace("?", "%s"), values)
        return matched, self._cursor.lastrowid

    async def row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        await self._cursor.execute(sql.replace("?", "%s"), values)
        found: tuple[Any, ...] | None = await self._cursor.fetchone()
        return found


class OnSQLite:
    """A transaction on the one connection."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def run(self, sql: str, *values: Any) -> tuple[int, int]:
        async with self._connection.execute(sql, values) as cursor:
            return cursor.rowcount, cursor.lastrowid or 0

    async def row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        async with self._connection.execute(sql, values) as cursor:
            found = await cursor.fetchone()
            return tuple(found) if found is not None else None


class MySQLDatabase:
    """The pool; `?` becomes the driver's `%s`."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            yield OnMySQL(cursor)
            await connection.commit()


class SQLiteDatabase:
    """The connection and whose turn it is."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._turn:
            try:
                yield OnSQLite(self._connection)
                await self._connection.commit()
            except BaseException:
                await self._connection.rollback()
                raise


async def create_task(request: Request) -> Response:
    """201 with the task. 401, 403, 422."""
    fields = TaskFields.model_validate_json(await request.body())
    user_id, department_id = await _administrator(request)
    now = _now()
    values = (*(getattr(fields, name) for name in _GIVEN), user_id, department_id, 1, now, now)
    async with request.app.state.database.transaction() as tx:
        _, task_id = await tx.run(_INSERT, *values)
    return JSONResponse({"success": True, "data": {"id": task_id} | dict(zip(_CREATED, values, strict=True))}, 201)


async def change_task(request: Request) -> Response:
    """200 with the changed task. 401, 403, 404, 409 with the current task, 422."""
    task_id = int(request.path_params["id"])
    change = TaskChange.model_validate_json(await request.body())
    await _administrator(request)
    given = change.model_dump(exclude_unset=True, exclude={"version"})
    # the names are those of the model's members, which are the columns'
    sql = f"UPDATE task_table SET {', '.join(f'{name} = ?' for name in given)}, "  # noqa: S608
    sql += "version = version + 1, updatedAt = ? WHERE id = ? AND version = ? AND deletedAt IS NULL"
    async with request.app.state.database.transaction() as tx:
        matched, _ = await tx.run(sql, *given.values(), _now(), task_id, change.version)
        found = await tx.row(_SELECT, task_id)
    if found is None:
        raise HTTPException(404)
    task = {name: str(v) if name.endswith("At") else v for name, v in zip(_SHOWN, found, strict=True)}
    if not matched:
        return JSONResponse({"error": True, "statusCode": 409, "current": task}, 409)
    return JSONResponse({"success": True, "data": task})


async def _administrator(request: Request) -> tuple[int, int]:
    """The id and department of the account behind the token, as read a moment ago."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    state = request.app.state
    try:
        claims = jwt.decode(token, state.secret, algorithms=[ALGORITHM], options={"require": ["exp", "sub"]})
    except jwt.PyJWTError:
        raise HTTPException(401) from None
    user_id = int(claims["sub"])
    believed: dict[int, tuple[float, tuple[Any, ...] | None]] = state.accounts
    read_at, user = believed.get(user_id, (-BELIEVED_FOR_S, None))
    if monotonic() - read_at > BELIEVED_FOR_S:
        async with state.database.transaction() as tx:
            user = await tx.row(_ACCOUNT, user_id)
        believed[user_id] = monotonic(), user
    if user is None or scheme.lower() != "bearer":
        raise HTTPException(401)
    role_id, department_id = user
    if role_id != ADMINISTRATOR_ID:
        raise HTTPException(403)
    return user_id, department_id


def _now() -> str:
    return SystemClock().now().isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


@asynccontextmanager
async def _open(database_url: str) -> AsyncIterator[MySQLDatabase | SQLiteDatabase]:
    url = make_url(database_url)
    if url.get_backend_name() == "mysql":
        account: Mapping[str, Any] = url.translate_connect_args(username="user", database="db")
        async with aiomysql.create_pool(minsize=POOL_SIZE, maxsize=POOL_SIZE, charset="utf8mb4", **account) as pool:
            yield MySQLDatabase(pool)
        return
    async with aiosqlite.connect(url.database or "") as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            await connection.execute(f"PRAGMA {pragma}")
        yield SQLiteDatabase(connection)


def build_app(order: NaiveOrder) -> Starlette:
    """The whole app."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with _open(order.database_url) as database:
            app.state.database = database
            yield

    app = Starlette(
        routes=[
            Route("/api/health", health),
            Route("/api/tasks", create_task, methods=["POST"]),
            Route("/api/tasks/{id:int}", change_task, methods=["PATCH"]),
        ],
        lifespan=lifespan,
    )
    app.state.secret = order.secret
    app.state.accounts = {}
    return app


if __name__ == "__main__":
    given = NaiveOrder(**json.loads(sys.argv[1]))
    serve(build_app(given), given.port)
