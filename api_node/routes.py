"""Every route of every door on one page, each with what it takes to call it. Nothing is open by omission: a row
cannot be written without its policy, and `guard` is the only way from a row to a handler. The WebSockets stand in a
table of their own, below."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from api_node import observe, reference
from api_node.authenticate import authenticate
from api_node.console import auth, operations, tasks, users
from api_node.live import door
from api_node.operators import access, applications, audit, departments, roles
from api_node.operators import auth as v1_auth
from api_node.operators import users as v1_users
from api_node.programs import jobs, queues, units
from api_node.programs import operations as job_operations
from api_node.programs import records as job_records
from shared.actor import ApplicationId
from shared.errors import Forbidden, PeopleOnly, Unauthenticated
from shared.permissions import Permission
from shared.policy import has_permission


class AnyOf:
    """One of several permissions suffices."""

    def __init__(self, *permissions: Permission) -> None:
        self.permissions = permissions

    def __str__(self) -> str:
        return " or ".join(self.permissions)


Policy = Permission | AnyOf | Literal["open", "signed-in"]
Handler = Callable[..., Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table. An open handler takes the request; any other one who is asking, too.

    `people_only`: what concerns a person's own account or sign-in, or needs one to answer for it. An application's key
    is refused there, whatever its scopes.
    """

    method: str
    path: str
    handler: Handler
    policy: Policy
    people_only: bool = False


# who manages accounts has to see where they may be put, and what they may be given
_DEPARTMENTS_OR_USERS: Final = AnyOf(Permission.DEPARTMENT_MANAGE, Permission.USER_MANAGE)
_ROLES_OR_USERS: Final = AnyOf(Permission.ROLE_MANAGE, Permission.USER_MANAGE)
# a unit looks at itself and its like, people at what runs their jobs
_JOBS_OR_UNITS: Final = AnyOf(Permission.TASK_VIEW, Permission.UNIT_MANAGE)
_JOBS_OR_QUEUES: Final = AnyOf(Permission.TASK_VIEW, Permission.QUEUE_MANAGE)

TABLE: Final[tuple[Entry, ...]] = (
    Entry("POST", "/api/auth/register", auth.register, "open"),
    Entry("POST", "/api/auth/login", auth.login, "open"),
    Entry("POST", "/api/auth/refresh", auth.refresh, "open"),
    Entry("POST", "/api/auth/logout", auth.logout, "open"),
    Entry("GET", "/api/auth/me", auth.get_me, "signed-in", people_only=True),
    Entry("GET", "/api/users", users.list_users, Permission.USER_MANAGE),
    Entry("GET", "/api/users/{id}", users.get_user, "signed-in"),
    Entry("PATCH", "/api/users/{id}", users.change_user, "signed-in"),
    Entry("GET", "/api/tasks", tasks.list_tasks, Permission.BOARD_VIEW),
    Entry("POST", "/api/tasks", tasks.create_task, Permission.BOARD_CREATE, people_only=True),
    # before the ids: a path is matched in this order
    Entry("GET", "/api/tasks/stats", tasks.get_stats, Permission.BOARD_VIEW),
    Entry("GET", "/api/tasks/{id}", tasks.get_task, Permission.BOARD_VIEW),
    Entry("PATCH", "/api/tasks/{id}", tasks.change_task, Permission.BOARD_UPDATE),
    Entry("DELETE", "/api/tasks/{id}", tasks.delete_task, Permission.BOARD_DELETE),
    Entry("GET", "/api/operations/{id}", operations.get_operation, "signed-in", people_only=True),
    Entry("POST", "/api/ws/ticket", door.post_ticket, Permission.BOARD_VIEW, people_only=True),
    Entry("GET", "/api/ws", door.get_without_upgrade, "open"),
    Entry("GET", "/api/queue/status", observe.get_queue_status, Permission.SYSTEM_VIEW),
    Entry("POST", "/v1/auth/login", v1_auth.login, "open"),
    Entry("POST", "/v1/auth/refresh", v1_auth.refresh, "open"),
    Entry("POST", "/v1/auth/logout", v1_auth.logout, "open"),
    Entry("POST", "/v1/auth/logout-all", v1_auth.logout_all, "open"),
    Entry("GET", "/v1/auth/userinfo", v1_auth.get_userinfo, "signed-in", people_only=True),
    Entry("GET", "/v1/departments", departments.list_departments, _DEPARTMENTS_OR_USERS),
    Entry("POST", "/v1/departments", departments.create_department, Permission.DEPARTMENT_MANAGE),
    Entry("GET", "/v1/departments/{id}", departments.get_department, _DEPARTMENTS_OR_USERS),
    Entry("PUT", "/v1/departments/{id}", departments.change_department, Permission.DEPARTMENT_MANAGE),
    Entry("DELETE", "/v1/departments/{id}", departments.delete_department, Permission.DEPARTMENT_MANAGE),
    Entry("GET", "/v1/users", v1_users.list_users, Permission.USER_MANAGE),
    Entry("POST", "/v1/users", v1_users.create_user, Permission.USER_MANAGE),
    Entry("GET", "/v1/users/{id}", v1_users.get_user, "signed-in"),
    Entry("PUT", "/v1/users/{id}", v1_users.change_user, Permission.USER_MANAGE),
    Entry("DELETE", "/v1/users/{id}", v1_users.delete_user, Permission.USER_MANAGE),
    Entry("PATCH", "/v1/users/{id}/password", v1_users.change_password, "signed-in", people_only=True),
    Entry("GET", "/v1/roles", roles.list_roles, _ROLES_OR_USERS),
    Entry("POST", "/v1/roles", roles.create_role, Permission.ROLE_MANAGE),
    Entry("GET", "/v1/roles/{id}", roles.get_role, _ROLES_OR_USERS),
    Entry("PUT", "/v1/roles/{id}", roles.change_role, Permission.ROLE_MANAGE),
    Entry("DELETE", "/v1/roles/{id}", roles.delete_role, Permission.ROLE_MANAGE),
    Entry("GET", "/v1/permissions", roles.list_permissions, _ROLES_OR_USERS),
    Entry("PUT", "/v1/permissions/{id}", roles.change_permission, Permission.ROLE_MANAGE),
    Entry("GET", "/v1/applications", applications.list_applications, Permission.APPLICATION_MANAGE),
    Entry("POST", "/v1/applications", applications.create_application, Permission.APPLICATION_MANAGE, people_only=True),
    Entry("GET", "/v1/applications/{id}", applications.get_application, "signed-in"),
    Entry(
        "PUT",
        "/v1/applications/{id}",
        applications.change_application,
        Permission.APPLICATION_MANAGE,
        people_only=True,
    ),
    Entry(
        "DELETE",
        "/v1/applications/{id}",
        applications.delete_application,
        Permission.APPLICATION_MANAGE,
        people_only=True,
    ),
    Entry(
        "POST",
        "/v1/applications/{id}/secrets",
        applications.add_secret,
        Permission.APPLICATION_MANAGE,
        people_only=True,
    ),
    Entry(
        "DELETE",
        "/v1/applications/{id}/secrets/{secretId}",
        applications.revoke_secret,
        Permission.APPLICATION_MANAGE,
        people_only=True,
    ),
    Entry("GET", "/v1/users/{id}/permissions/{code}", access.explain_user, "signed-in"),
    Entry("GET", "/v1/applications/{id}/permissions/{code}", access.explain_application, "signed-in"),
    Entry("GET", "/v1/audit", audit.list_entries, Permission.AUDIT_VIEW),
    Entry("GET", "/v1/audit/export", audit.export_entries, Permission.AUDIT_VIEW),
    Entry("GET", "/api/v1/tasks", jobs.list_jobs, Permission.TASK_VIEW),
    Entry("POST", "/api/v1/tasks", jobs.submit_job, Permission.TASK_CREATE),
    Entry("POST", "/api/v1/tasks/batch", jobs.submit_jobs, Permission.TASK_CREATE),
    Entry("GET", "/api/v1/tasks/statistics", jobs.get_statistics, Permission.TASK_VIEW),
    Entry("GET", "/api/v1/tasks/failures", jobs.list_failures, Permission.TASK_VIEW),
    Entry("GET", "/api/v1/tasks/{id}", jobs.get_job, Permission.TASK_VIEW),
    Entry("GET", "/api/v1/tasks/{id}/history", jobs.get_history, Permission.TASK_VIEW),
    Entry("GET", "/api/v1/tasks/{id}/why", jobs.get_why, Permission.TASK_VIEW),
    Entry("GET", "/api/v1/tasks/{id}/steps", job_records.get_steps, Permission.TASK_VIEW),
    Entry("GET", "/api/v1/tasks/{id}/logs", job_records.get_logs, Permission.TASK_VIEW),
    Entry("PUT", "/api/v1/tasks/{id}/status", job_operations.set_status, Permission.TASK_UPDATE),
    Entry("POST", "/api/v1/tasks/{id}/operations", job_operations.operate, Permission.TASK_UPDATE),
    Entry("POST", "/api/v1/tasks/{id}/start", job_operations.start, Permission.TASK_UPDATE),
    Entry("POST", "/api/v1/tasks/{id}/pause", job_operations.pause, Permission.TASK_UPDATE),
    Entry("POST", "/api/v1/tasks/{id}/resume", job_operations.resume, Permission.TASK_UPDATE),
    Entry("POST", "/api/v1/tasks/{id}/cancel", job_operations.cancel, Permission.TASK_UPDATE),
    Entry("POST", "/api/v1/tasks/{id}/retry", job_operations.retry, Permission.TASK_UPDATE),
    Entry("GET", "/api/v1/execution-units", units.list_units, _JOBS_OR_UNITS),
    Entry("POST", "/api/v1/execution-units/register", units.register, Permission.UNIT_MANAGE),
    Entry("GET", "/api/v1/execution-units/available", units.list_available, _JOBS_OR_UNITS),
    Entry("GET", "/api/v1/execution-units/statistics", units.get_statistics, _JOBS_OR_UNITS),
    Entry("GET", "/api/v1/execution-units/{id}", units.get_unit, _JOBS_OR_UNITS),
    Entry("DELETE", "/api/v1/execution-units/{id}", units.deregister, Permission.UNIT_MANAGE),
    Entry("POST", "/api/v1/execution-units/{id}/heartbeat", units.beat, Permission.UNIT_MANAGE),
    Entry("POST", "/api/v1/execution-units/{id}/claim", units.claim, Permission.UNIT_MANAGE),
    Entry("POST", "/api/v1/execution-units/{id}/reports", units.report, Permission.UNIT_MANAGE),
    Entry("POST", "/api/v1/execution-units/{id}/drain", units.drain, Permission.UNIT_MANAGE),
    Entry("POST", "/api/v1/execution-units/{id}/offline", units.take_out, Permission.UNIT_MANAGE),
    Entry("POST", "/api/v1/execution-units/{id}/online", units.let_in, Permission.UNIT_MANAGE),
    Entry("GET", "/api/v1/queues", queues.list_queues, _JOBS_OR_QUEUES),
    Entry("GET", "/api/v1/queues/{name}", queues.get_queue, _JOBS_OR_QUEUES),
    Entry("PUT", "/api/v1/queues/{name}", queues.limit_queue, Permission.QUEUE_MANAGE),
    Entry("POST", "/api/v1/queues/{name}/pause", queues.pause_queue, Permission.QUEUE_MANAGE),
    Entry("POST", "/api/v1/queues/{name}/resume", queues.resume_queue, Permission.QUEUE_MANAGE),
    Entry("GET", "/", reference.get_home, "open"),
    Entry("GET", "/api/openapi.json", reference.get_document, "open"),
    Entry("GET", "/api/docs", reference.get_page, "open"),
    Entry("GET", "/api-docs", reference.get_page, "open"),
    Entry("GET", "/api/health", observe.get_health, "open"),
    Entry("GET", "/livez", observe.get_livez, "open"),
    Entry("GET", "/readyz", observe.get_readyz, "open"),
    Entry("GET", "/health", observe.get_health, "open"),
    Entry("GET", "/health/database", observe.get_database_health, "open"),
    Entry("GET", "/health/redis", observe.get_redis_health, "open"),
    Entry("GET", "/api/v1/health", observe.get_health, "open"),
    Entry("GET", "/api/v1/health/database", observe.get_database_health, "open"),
    Entry("GET", "/api/v1/health/redis", observe.get_redis_health, "open"),
    Entry("GET", "/v1/health", observe.get_health, "open"),
    Entry("GET", "/metrics", observe.get_metrics, "open"),
)


@dataclass(frozen=True, slots=True)
class SocketEntry:
    """A path that takes a WebSocket. The handler lets in who brings a ticket and holds the permission, and looks again
    while it is open."""

    path: str
    handler: Callable[[WebSocket, Permission], Awaitable[None]]
    policy: Permission


SOCKETS: Final[tuple[SocketEntry, ...]] = (SocketEntry("/api/ws", door.open_socket, Permission.BOARD_VIEW),)


def routes() -> list[BaseRoute]:
    """Both tables as Starlette's routes, methods of one path together, so that another method is a 405."""
    by_path: dict[str, dict[str, Entry]] = {}
    for entry in TABLE:
        by_path.setdefault(entry.path, {})[entry.method] = entry
    plain = [Route(path, _by_method(entries), methods=list(entries)) for path, entries in by_path.items()]
    return [*plain, *(WebSocketRoute(entry.path, _socket(entry)) for entry in SOCKETS)]


def _by_method(entries: dict[str, Entry]) -> Endpoint:
    guarded = {method: guard(entry) for method, entry in entries.items()}

    async def dispatch(request: Request) -> Response:
        # Starlette adds HEAD wherever there is GET
        return await guarded["GET" if request.method == "HEAD" else request.method](request)

    return dispatch


def _socket(entry: SocketEntry) -> Callable[[WebSocket], Awaitable[None]]:
    async def opened(websocket: WebSocket) -> None:
        await entry.handler(websocket, entry.policy)

    return opened


def _permissions(policy: Policy) -> tuple[Permission, ...]:
    """Of which one is needed; none for whoever is signed in. Raises ValueError for what is no policy."""
    if isinstance(policy, AnyOf):
        return policy.permissions
    return () if policy == "signed-in" else (Permission(policy),)


def guard(entry: Entry) -> Endpoint:
    """The handler behind its policy: 401 without a valid token, 403 without the right.

    `signed-in` is for what concerns one's own account, whoever one is; the handler asks who sees others'.
    """
    if entry.policy == "open":
        return entry.handler
    wanted = _permissions(entry.policy)

    async def checked(request: Request) -> Response:
        try:
            viewer = await authenticate(request)
            if entry.people_only and isinstance(viewer.id, ApplicationId):
                raise PeopleOnly
            if wanted and not any(has_permission(viewer, permission) for permission in wanted):
                raise Forbidden
        except (Unauthenticated, Forbidden) as refusal:
            if "idempotency-key" in request.headers:
                # an earlier try under this key may have been applied before the right was lost: nobody looked
                refusal.outcome = "unknown"
            raise
        return await entry.handler(request, viewer)

    return checked
