"""GET /api/v1/events: a WebSocket that tells of answers, tokens and the server, never of what is said.

Events are objects with a `type`: "status" (at the start and when it changes), "token", "answer".
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web

from picoqwen_core.errors import BusyError
from picoqwen_core.server.health import health_json
from picoqwen_core.server.state import State, state_of

_MOST_WATCHERS = 20
_STATUS_SECONDS = 1.0
_HEARTBEAT_SECONDS = 30.0


async def events(request: web.Request) -> web.WebSocketResponse:
    """Events until the watcher leaves; a watcher that does not read misses some."""
    state = state_of(request)
    if len(state.events.watchers) >= _MOST_WATCHERS:
        raise BusyError(f"{_MOST_WATCHERS} watch already; try again later")
    socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_SECONDS, max_msg_size=1024)
    await socket.prepare(request)
    queue = state.events.watch()
    sending = asyncio.create_task(_send(socket, queue, state), name="events")
    try:
        async for _ in socket:
            # Nothing is expected from a watcher; reading notices that it leaves.
            continue
    finally:
        state.events.watchers.discard(queue)
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
    return socket


async def _send(socket: web.WebSocketResponse, queue: asyncio.Queue[Mapping[str, Any]], state: State) -> None:
    """The status now and whenever it changes, and every event."""
    told = None
    with suppress(ConnectionError):
        while not socket.closed:
            status = _status(state)
            if status != told:
                await socket.send_json(status)
                told = status
            try:
                async with asyncio.timeout(_STATUS_SECONDS):
                    await socket.send_json(await queue.get())
            except TimeoutError:
                continue


def _status(state: State) -> dict[str, Any]:
    """What of the health does not change from one moment to the next."""
    health = health_json(state)
    engines = [
        {key: engine[key] for key in ("model", "state", "error", "restarts")} for engine in health["engines"]
    ]
    kept = {key: health[key] for key in ("status", "models", "memory_level", "memory_step")}
    return {"type": "status", **kept, "engines": engines}
