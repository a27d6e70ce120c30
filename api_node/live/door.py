"""`POST /api/ws/ticket` and `GET /api/ws`: from a bearer token to a ticket, and from a ticket to an open WebSocket."""

import asyncio
import secrets
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from api_node.authenticate import session_of
from api_node.live.connection import Connection
from api_node.live.origin import is_welcome
from api_node.live.tickets import Ticket
from api_node.node import Node
from api_node.signed_tokens import Named
from shared.clock import iso
from shared.envelopes import success
from shared.errors import (
    ConsoleError,
    Forbidden,
    IdempotencyMismatch,
    QueueUnreachable,
    ShuttingDown,
    Unauthenticated,
    UpgradeRequired,
)
from shared.http.context import JsonResponse, error_response
from shared.http.scope import header
from shared.permissions import Permission
from shared.policy import has_permission
from shared.position import from_text
from shared.principal import Principal

_UPGRADE: Final = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}

log = structlog.get_logger("access")


async def post_ticket(request: Request, viewer: Principal) -> Response:
    """201 with `{ticket, expiresAt}`: good for 30 s and for one connection, at whichever node."""
    named = Named(viewer.user_id, viewer.user.session_epoch, session_of(request).id)
    ticket, until = Node.of(request).live.tickets.mint(named)
    return JsonResponse(success({"ticket": ticket, "expiresAt": iso(until)}), 201, {"Cache-Control": "no-store"})


async def get_without_upgrade(request: Request) -> Response:
    """426: this path takes a WebSocket and nothing else."""
    response = error_response(UpgradeRequired(), request.scope, Node.of(request).clock)
    response.headers.update(_UPGRADE)
    return response


async def open_socket(websocket: WebSocket, permission: Permission) -> None:
    """Let in whoever brings a good ticket, and tell them of changes until they leave.

    Refused before the upgrade, as a plain answer: 401 for no ticket, an old, a used or a foreign one; 403 for another
    site's page and for a lost right; 422 for a `since` of no stream; 429, 503.
    """
    node: Node = websocket.app.state.node
    started = node.clock.monotonic()
    try:
        _require_welcome(node, websocket)
        ticket = node.live.tickets.read(websocket.query_params.get("ticket", ""))
        asked = websocket.query_params.get("since")
        since = None if asked is None else from_text(asked)
        with node.live.connections.place(ticket.named.user_id):
            connection = await _let_in(node, websocket, ticket, permission)
            with node.live.connections.watched(connection, permission):
                await websocket.accept(headers=[(b"x-request-id", websocket.state.request_id.encode())])
                code = await connection.serve(node.live.follower.ring, since)
    except ConsoleError as refusal:
        response = error_response(refusal, websocket.scope, node.clock)
        response.headers["X-Request-Id"] = websocket.state.request_id
        await websocket.send_denial_response(response)
        _note(node, websocket, started, status=refusal.status)
    else:
        _note(node, websocket, started, status=101, code=code, user_id=ticket.named.user_id, told=connection.told)


def _require_welcome(node: Node, websocket: WebSocket) -> None:
    origin, host = header(websocket.scope, b"origin"), header(websocket.scope, b"host") or ""
    if not is_welcome(origin, host, node.live.origins):
        raise Forbidden("pages of this origin may not connect")


async def _let_in(node: Node, websocket: WebSocket, ticket: Ticket, permission: Permission) -> Connection:
    if node.is_stopping:
        raise ShuttingDown
    await _require_stream(node)
    await _redeem(node, ticket, websocket.state.request_id)
    at = node.clock.monotonic()
    viewer = (await node.live.look_up({ticket.named.session_id})).get(ticket.named.session_id)
    if viewer is None or viewer.user_id != ticket.named.user_id:
        raise Unauthenticated
    if not has_permission(viewer, permission):
        raise Forbidden
    if node.is_stopping:
        raise ShuttingDown  # from here on there is no await before the upgrade: a stop finds it open, and closes it
    return Connection(
        websocket, ticket.named.session_id, viewer, believed_at=at, limits=node.live.limits, metrics=node.live.metrics
    )


async def _require_stream(node: Node) -> None:
    """Wait for a node that has just been started. Raises QueueUnreachable."""
    try:
        async with asyncio.timeout(node.live.limits.catch_up_s):
            await node.live.follower.ready()
    except TimeoutError:
        raise QueueUnreachable from None


async def _redeem(node: Node, ticket: Ticket, request_id: str) -> None:
    """Use the ticket up. Raises Unauthenticated for one that was used, through whichever node."""
    command: dict[str, Any] = {
        "type": "redeem-ticket",
        "data": {},
        "actor": {"userId": ticket.named.user_id},
        "idempotencyKey": f"ticket:{ticket.id}",
        "fingerprint": secrets.token_hex(32),  # this connection's own: another one's is a mismatch
        "requestId": request_id,
    }
    try:
        await node.queue.submit(command)
    except IdempotencyMismatch:
        raise Unauthenticated("this ticket was used before") from None


def _note(node: Node, websocket: WebSocket, started: float, **members: object) -> None:
    seconds = round(node.clock.monotonic() - started, 1)
    log.info("live_closed", path=websocket.url.path, seconds=seconds, **members)
