"""The naive reference: the plain CRUD app that someone would write instead of this product.

    python -m loadtest.bench.naive '{"port": ..., "database_url": ..., "secret": ...}'

It is meant to be good at what it is: Starlette on uvicorn with uvloop and httptools, SQLAlchemy Core over the same
drivers, a pool of 10, one transaction a request, the same tables, indexes and durability, the same pydantic models for
validation, the same rule who may write, version-checked updates with 409. The token is verified for each request and
the account behind it read, as every tutorial has it. It has no idempotency keys, no events, no limits, no metrics, no
request log, no second node, and it answers errors tersely.
"""

import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import jwt
import uvicorn
from pydantic import ValidationError
from sqlalchemy import event, insert, make_url, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.clock import SystemClock
from shared.commands import TaskFields, TaskUpdates, Version
from shared.db.tables import task_table, user_table
from shared.organisation import ADMINISTRATOR_ID

POOL_SIZE: Final = 10
ALGORITHM: Final = "HS256"
_COLUMNS: Final = {
    "title": "title",
    "category": "category",
    "tag": "tag",
    "description": "description",
    "status": "status",
    "assignedToUserId": "assigned_to_user_id",
}


class TaskChange(TaskUpdates):
    """The body of a PATCH."""

    version: Version


@dataclass(frozen=True, slots=True)
class NaiveOrder:
    """Where to listen, on which migrated database, with which key tokens are signed."""

    port: int
    database_url: str
    secret: str


async def create_task(request: Request) -> Response:
    """201 with the task. 401, 403, 422."""
    fields = TaskFields.model_validate_json(await request.body())
    now = SystemClock().now()
    async with _engine(request).begin() as db:
        user_id, department_id = await _administrator(request, db)
        row = {column: getattr(fields, member) for member, column in _COLUMNS.items()}
        row |= {
            "created_by_user_id": user_id,
            "department_id": department_id,
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        inserted = await db.execute(insert(task_table).values(row))
    return JSONResponse({"success": True, "data": _shown(row | {"id": inserted.lastrowid})}, 201)


async def change_task(request: Request) -> Response:
    """200 with the changed task. 401, 403, 404, 409 with the current task, 422."""
    task_id = int(request.path_params["id"])
    change = TaskChange.model_validate_json(await request.body())
    given = change.model_dump(exclude_unset=True, exclude={"version"})
    values = {_COLUMNS[member]: value for member, value in given.items()}
    values |= {"version": change.version + 1, "updated_at": SystemClock().now()}
    is_unchanged = task_table.c.id == task_id, task_table.c.version == change.version, task_table.c.deleted_at.is_(None)
    async with _engine(request).begin() as db:
        await _administrator(request, db)
        done = await db.execute(update(task_table).where(*is_unchanged).values(values))
        found = (await db.execute(select(task_table).where(task_table.c.id == task_id))).one_or_none()
    task = {column.key: found._mapping[column] for column in task_table.columns} if found else None
    if task is None or task["deleted_at"] is not None:
        raise HTTPException(404)
    if done.rowcount != 1:
        return JSONResponse({"error": True, "statusCode": 409, "current": _shown(task)}, 409)
    return JSONResponse({"success": True, "data": _shown(task)})


async def health(request: Request) -> Response:
    """200."""
    return JSONResponse({"status": "ok"})


async def _administrator(request: Request, db: AsyncConnection) -> tuple[int, int]:
    """The id and department of the account behind the token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        claims = jwt.decode(
            token, request.app.state.secret, algorithms=[ALGORITHM], options={"require": ["exp", "sub"]}
        )
    except jwt.PyJWTError:
        raise HTTPException(401) from None
    wanted = select(user_table.c.role_id, user_table.c.department_id).where(
        user_table.c.id == int(claims["sub"]), user_table.c.deleted_at.is_(None)
    )
    user = (await db.execute(wanted)).one_or_none()
    if user is None or scheme.lower() != "bearer":
        raise HTTPException(401)
    if user.role_id != ADMINISTRATOR_ID:
        raise HTTPException(403)
    return int(claims["sub"]), user.department_id


def _shown(task: Mapping[str, Any]) -> dict[str, Any]:
    """The task by the names of the API, which are those of the columns."""
    named = {c.name: task.get(c.key) for c in task_table.columns if c.name != "deletedAt"}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in named.items()}


def _engine(request: Request) -> AsyncEngine:
    engine: AsyncEngine = request.app.state.engine
    return engine


def build_engine(database_url: str) -> AsyncEngine:
    """The usual engine. SQLite gets WAL, a sync at every commit, and transactions that begin as writers."""
    url = make_url(database_url)
    if url.get_backend_name() == "mysql":
        return create_async_engine(url.set(drivername="mysql+aiomysql"), pool_size=POOL_SIZE, max_overflow=0)
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        pool_size=POOL_SIZE,
        max_overflow=0,
        connect_args={"timeout": 30, "isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def build_app(order: NaiveOrder) -> Starlette:
    """The whole app."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await app.state.engine.dispose()

    async def invalid(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": True, "statusCode": 422, "message": str(error)}, 422)

    app = Starlette(
        routes=[
            Route("/api/health", health),
            Route("/api/tasks", create_task, methods=["POST"]),
            Route("/api/tasks/{id:int}", change_task, methods=["PATCH"]),
        ],
        exception_handlers={ValidationError: invalid},
        lifespan=lifespan,
    )
    app.state.engine = build_engine(order.database_url)
    app.state.secret = order.secret
    return app


def serve(app: Starlette, port: int) -> None:
    """Run it as the product runs its own: one process, uvloop, httptools. It writes no access log."""
    # uvicorn raises the signal again when it has stopped: end in order, so that a profiler can write what it saw
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        backlog=2048,
    )


if __name__ == "__main__":
    given = NaiveOrder(**json.loads(sys.argv[1]))
    serve(build_app(given), given.port)
