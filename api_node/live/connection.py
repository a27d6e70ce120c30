"""One open WebSocket: told what its person may see, heard only when it ends.

It holds no queue: the next event is looked for in the node's ring when the last one was taken. A client that is slow
finds a gap there; one that takes nothing at all is closed.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from api_node.live.event import LiveEvent, message_for
from api_node.live.limits import LiveLimits
from api_node.live.metrics import LiveMetrics
from shared.events import EventRing, Gap
from shared.jsonio import dumps
from shared.position import Position, as_text
from shared.principal import Principal

GOING_AWAY: Final = 1001
NOTHING_EXPECTED: Final = 1003
GONE: Final = 1006
BROKE: Final = 1011
TRY_AGAIN: Final = 1013
NO_LONGER_SIGNED_IN: Final = 4401
NO_LONGER_ALLOWED: Final = 4403

_CLOSE_S: Final = 1.0

log = structlog.get_logger(__name__)


class Connection:
    """A client that was let in as `viewer` by a session. `believed_at` is when that was last read (monotonic)."""

    def __init__(
        self,
        websocket: WebSocket,
        session_id: int,
        viewer: Principal,
        *,
        believed_at: float,
        limits: LiveLimits,
        metrics: LiveMetrics,
    ) -> None:
        self.session_id = session_id
        self.viewer = viewer
        self.believed_at = believed_at
        self.told = 0
        self._websocket = websocket
        self._limits = limits
        self._metrics = metrics
        self._position: Position = (0, 0)
        self._end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self._work: set[asyncio.Task[None]] = set()

    async def serve(self, ring: EventRing[LiveEvent], since: Position | None) -> int:
        """Tell of each event after `since` (None: from now on) until either side ends it; the code it was closed with.

        The WebSocket has been accepted.
        """
        self._position = ring.position if since is None else since
        self._start(self._tell(ring))
        self._start(self._listen())
        try:
            code, reason = await asyncio.shield(self._end)
        finally:
            for task in self._work:
                task.cancel()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._websocket.close(code, reason)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            pass  # nobody is there to hear it
        self._metrics.closed.labels(code).inc()
        return code

    def end(self, code: int, reason: str = "") -> None:
        """Close soon, with this code; the first one counts."""
        if not self._end.done():
            self._end.set_result((code, reason))

    def believe(self, viewer: Principal, at: float, *, has_moved: bool = False) -> None:
        """From now on this is what the person may see. Who sees another part of the board reads it anew; so does
        whoever sees departments, when one `has_moved`."""
        sees_another_part = _part_seen_by(viewer) != _part_seen_by(self.viewer)
        self.viewer, self.believed_at = viewer, at
        if sees_another_part or (has_moved and not viewer.is_global and not viewer.sees_assigned_only):
            self._start(self._tell_of_a_gap(self._position))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._or_end(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _or_end(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except TimeoutError:
            self.end(TRY_AGAIN, "too slow")
        except WebSocketDisconnect as gone:
            self.end(gone.code)
        except Exception as error:
            log.error("live_connection_broke", exc_info=error)
            self.end(BROKE)

    async def _tell(self, ring: EventRing[LiveEvent]) -> None:
        await self._send({"type": "hello", "position": as_text(self._position)})
        await self._until_reached(ring, self._position)
        async for item in ring.follow(self._position, self._limits.beat_s):
            if item is None:
                await self._send({"type": "beat", "position": as_text(self._position)})
            elif isinstance(item, Gap):
                self._position = item.position
                await self._tell_of_a_gap(item.position)
            else:
                await self._tell_of(item[1])
                self._position = item[0]
        self.end(GOING_AWAY)

    async def _until_reached(self, ring: EventRing[LiveEvent], position: Position) -> None:
        """Another node may have told the client of events that are still on their way to this one."""
        try:
            async with asyncio.timeout(self._limits.catch_up_s):
                await ring.reached(position)
        except TimeoutError:
            pass  # positions of another database: following from there is a gap

    async def _tell_of(self, event: LiveEvent) -> None:
        message = message_for(self.viewer, event)
        if message is not None:
            await self._send_text(message)
            self.told += 1
            self._metrics.events.inc()

    async def _tell_of_a_gap(self, position: Position) -> None:
        self._metrics.gaps.inc()
        await self._send({"type": "gap", "position": as_text(position)})

    async def _listen(self) -> None:
        """Nothing is expected but the end: whatever else comes ends it, too."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            self.end(message.get("code") or GONE)
        else:
            self.end(NOTHING_EXPECTED, "nothing is expected here")

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_text(dumps(message).decode())

    async def _send_text(self, text: str) -> None:
        async with asyncio.timeout(self._limits.send_s):
            await self._websocket.send_text(text)


def _part_seen_by(viewer: Principal) -> tuple[bool, bool, str]:
    return viewer.is_global, viewer.sees_assigned_only, "" if viewer.is_global else viewer.path
