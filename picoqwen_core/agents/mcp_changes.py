"""Tells MCP clients that there are other tools, prompts or resources than before; which, they ask for anew.

Since 2026-07-28 a client that wants to hear of it listens (`subscriptions/listen`); before, each session that
has a stream open is told.
"""

from collections import OrderedDict
from typing import Any

from mcp.server.session import ServerSession
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ToolsListChanged,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

_SESSION = "mcp-session-id"
# Of sessions that may have ended unseen; the endpoint has fewer open at once.
_MOST_SESSIONS = 1000
_MOST_LISTENERS = 100


class Changes:
    """The sessions and the streams that hear of changes. No method raises where a client has left."""

    def __init__(self) -> None:
        self._bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(self._bus, max_subscriptions=_MOST_LISTENERS)
        self._sessions: OrderedDict[str, ServerSession] = OrderedDict()

    async def remember(self, ctx: Any, call_next: Any) -> Any:
        """Middleware of the protocol's server: note the session of each message."""
        request = ctx.request
        id_ = request.headers.get(_SESSION) if request is not None else None
        if id_ and ctx.session.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            self._sessions[id_] = ctx.session
            self._sessions.move_to_end(id_)
            while len(self._sessions) > _MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return await call_next(ctx)

    async def flows(self) -> None:
        """There are other flows, and so other tools and prompts."""
        await self._bus.publish(ToolsListChanged())
        await self._bus.publish(PromptsListChanged())
        for session in tuple(self._sessions.values()):
            await session.send_tool_list_changed()
            await session.send_prompt_list_changed()

    async def runs(self) -> None:
        """A run has ended, and so there is another resource; whose it is is not told."""
        await self._bus.publish(ResourcesListChanged())
        for session in tuple(self._sessions.values()):
            await session.send_resource_list_changed()

    def close(self) -> None:
        """End the streams that listen."""
        self.listen.close()
