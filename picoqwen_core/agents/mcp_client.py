"""Connections to other MCP servers: their tools come into the registry, and leave it while a server is away.

Each server has a task of its own, which connects, follows changes and tries again; nobody else waits for it.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
from mcp import Client, MCPError
from mcp_types import CONNECTION_CLOSED, Implementation, ServerNotification
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

import picoqwen_core
from picoqwen_core.agents.mcp_tools import tools_of
from picoqwen_core.agents.mcp_wire import Streams, streams
from picoqwen_core.agents.registry import Registry
from picoqwen_core.errors import PicoQwenError, ToolError
from picoqwen_core.mcp_servers import McpServer

_LOGGER = logging.getLogger(__name__)
_CONNECT_SECONDS = 20.0
_LIST_SECONDS = 20.0
_MOST_PAGES = 20
# How often a server's tools are asked for where it does not say that they have changed; also a sign of life.
_LOOK_SECONDS = 60.0
# Changes that come faster are taken together.
_CALM_SECONDS = 0.5
_BACKOFF = (1.0, 300.0)
_STOP_SECONDS = 8.0
_FAILURES = (MCPError, httpx2.HTTPError, OSError, TimeoutError, ValueError, RuntimeError, PicoQwenError)
type Open = Callable[[McpServer], AbstractAsyncContextManager[Streams]]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between looks at a server, and the shortest and the longest wait before the next try."""

    look: float = _LOOK_SECONDS
    backoff: tuple[float, float] = _BACKOFF


class Connection:
    """One server. `state` and `error` say how it is."""

    def __init__(self, server: McpServer, registry: Registry, pace: Pace, opened: Open) -> None:
        self.server = server
        self.state: Literal["connecting", "ready", "waiting", "stopped"] = "connecting"
        self.error = ""
        self.tools = 0
        self.revision = ""
        self._registry = registry
        self._pace = pace
        self._open = opened
        self._client: Client | None = None
        self._look = asyncio.Event()
        self._lost = False

    async def run(self) -> None:
        """Stay connected until cancelled."""
        tries = 0
        try:
            while True:
                self.state, began = "connecting", asyncio.get_running_loop().time()
                try:
                    await self._connected()
                except* _FAILURES as group:
                    self.error = self.server.without_secrets(_reason(group))
                except* Exception as group:
                    # Whatever a peer may bring the package to: the others and the server live on.
                    _LOGGER.exception("MCP server %s", self.server.name)
                    self.error = self.server.without_secrets(_reason(group))
                # A connection that held for a while begins anew.
                held = asyncio.get_running_loop().time() - began > self._pace.backoff[1]
                tries = 0 if held else tries
                self._leave("waiting")
                wait = self._wait(tries)
                _LOGGER.warning("MCP server %s: %s; next try in %.0f s", self.server.name, self.error, wait)
                tries += 1
                await asyncio.sleep(wait)
        finally:
            self._leave("stopped")

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """A tool's answer. Raises ToolError where there is none, in at most the server's timeout."""
        client, seconds = self._client, self.server.timeout
        if client is None:
            raise ToolError(f"MCP server {self.server.name} cannot be reached at the moment")
        try:
            async with asyncio.timeout(seconds):
                return await client.call_tool(name, dict(arguments))
        except TimeoutError as err:
            raise ToolError(f"MCP server {self.server.name} gave no answer within {seconds:g} s") from err
        except MCPError as err:
            if err.error.code == CONNECTION_CLOSED:
                self._lose()
            said = self.server.without_secrets(err.error.message)[:500]
            raise ToolError(
                f"MCP server {self.server.name} refused the call: {said}", untrusted=True
            ) from err
        except _FAILURES as err:
            self._lose()
            raise ToolError(f"MCP server {self.server.name} failed: {type(err).__name__}") from err

    def _wait(self, tries: int) -> float:
        """Twice as long each time, up to the longest; half of it by chance: not all shall try at once."""
        least, most = self._pace.backoff
        whole = min(most, least * 2.0 ** min(tries, 16))
        return whole / 2 + random.uniform(0, whole / 2)  # noqa: S311 - no secret

    async def _connected(self) -> None:
        """Connect, and follow the server until the connection is lost."""
        self._lost = False
        client = Client(
            self._open(self.server),
            read_timeout_seconds=self.server.timeout,
            message_handler=self._heard,
            client_info=Implementation(name="picoqwen", version=picoqwen_core.__version__),
            cache=None,
        )
        # The whole of connecting has one limit, leaving has limits of its own.
        async with asyncio.timeout(_CONNECT_SECONDS) as limit, client:
            limit.reschedule(None)
            self.revision = client.protocol_version
            await self._take(client)
            self._client, self.state, self.error = client, "ready", ""
            _LOGGER.info("MCP server %s: %d tools (%s)", self.server.name, self.tools, self.revision)
            listening = asyncio.create_task(self._listen(client), name=f"mcp {self.server.name} changes")
            try:
                await self._follow(client)
            finally:
                listening.cancel()
                with suppress(asyncio.CancelledError):
                    await listening

    async def _follow(self, client: Client) -> None:
        while True:
            self._look.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.look):
                    await self._look.wait()
                    if not self._lost:
                        await asyncio.sleep(_CALM_SECONDS)
            if self._lost:
                raise ConnectionResetError("the connection was lost")
            await self._take(client)

    async def _take(self, client: Client) -> None:
        """Let the server's tools as they are now be those of the registry."""
        listed: list[Any] = []
        cursor = None
        async with asyncio.timeout(_LIST_SECONDS):
            for _ in range(_MOST_PAGES):
                page = await client.list_tools(cursor=cursor)
                listed.extend(page.tools)
                cursor = page.next_cursor
                if not cursor:
                    break
        tools = tools_of(self.server, listed, self.call)
        self._registry.replace(self.server.name, tools)
        self.tools = len(tools)

    async def _listen(self, client: Client) -> None:
        """Since 2026-07-28 a server tells of changes only where it is asked to; before, _heard is told."""
        capability = client.server_capabilities.tools
        if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or not (
            capability and capability.list_changed
        ):
            return
        # Where it ends, looking from time to time is left.
        with suppress(*_FAILURES):
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self._look.set()

    async def _heard(self, message: Any) -> None:
        if isinstance(message, ServerNotification) and message.method == "notifications/tools/list_changed":
            self._look.set()

    def _lose(self) -> None:
        self._lost = True
        self._look.set()

    def _leave(self, state: Literal["waiting", "stopped"]) -> None:
        self._client, self.state, self.tools = None, state, 0
        self._registry.replace(self.server.name, ())


class McpClients:
    """All other servers. Starting waits for none of them."""

    def __init__(
        self,
        servers: Sequence[McpServer],
        registry: Registry,
        pace: Pace = Pace(),
        opened: Open = streams,
    ) -> None:
        self.connections = tuple(Connection(each, registry, pace, opened) for each in servers)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to connect."""
        self._tasks = [
            asyncio.create_task(each.run(), name=f"mcp {each.server.name}") for each in self.connections
        ]

    async def stop(self) -> None:
        """Leave all servers."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, stuck = await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
            for task in stuck:
                _LOGGER.warning("%s did not end within %g s", task.get_name(), _STOP_SECONDS)

    def status(self) -> list[dict[str, Any]]:
        """How each server is, for people."""
        return [
            {
                "name": each.server.name,
                "state": each.state,
                "tools": each.tools,
                "revision": each.revision,
                "error": each.error,
            }
            for each in self.connections
        ]


def _reason(group: BaseExceptionGroup[Any]) -> str:
    """The first error in a group, in a few words."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return f"{type(first).__name__}: {first}"[:300].rstrip(": ")
