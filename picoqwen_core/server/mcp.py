"""/mcp: the Model Context Protocol over Streamable HTTP, for clients that want this server's tools.

The protocol's own package answers, through the ASGI calls in server/asgi.py; nothing of it is imported where
the settings do not ask for it. Keys, limits and the log are those of the rest of the API.
"""

import asyncio
import importlib.util
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web

from picoqwen_core.config import supervisor_token
from picoqwen_core.errors import ConfigError, EngineUnavailable, ForbiddenError, RequestError
from picoqwen_core.mcp_servers import with_supervisor_token
from picoqwen_core.server.access import CALLER
from picoqwen_core.server.agents import AGENTS
from picoqwen_core.server.asgi import serve_asgi
from picoqwen_core.server.state import STATE, state_of

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from picoqwen_core.agents.mcp_changes import Changes

_LOGGER = logging.getLogger(__name__)
PATH = "/mcp"
_MOST_SESSIONS = 100
# Changes that are being told; what comes faster is left to the next one, since clients ask for all anew.
_MOST_TELLING = 10
_SESSION_IDLE_SECONDS = 1800.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_STOP_SECONDS = 2.0


class Endpoint:
    """The sessions of /mcp, and the task that owns them."""

    def __init__(self) -> None:
        self._manager: StreamableHTTPSessionManager | None = None
        self._changes: Changes | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, app: web.Application) -> None:
        """Begin to answer. Raises ConfigError where the package is not installed."""
        self._manager, changes = _make_manager(app)
        self._changes = changes
        if AGENTS in app:
            app[AGENTS].other_flows.append(lambda: self._tell(changes.flows))
            app[AGENTS].runner.ended.append(lambda _: self._tell(changes.runs))
        ready = asyncio.Event()
        self._task = asyncio.create_task(self._run(self._manager, ready), name="mcp sessions")
        async with asyncio.timeout(_STOP_SECONDS):
            await ready.wait()

    async def stop(self) -> None:
        """End all sessions and their streams."""
        self._stop.set()
        if self._changes is not None:
            self._changes.close()
        for telling in self._telling:
            telling.cancel()
        if self._task is not None:
            done, _ = await asyncio.wait([self._task], timeout=_STOP_SECONDS)
            if not done:
                self._task.cancel()
                with suppress(asyncio.CancelledError):
                    await self._task
        self._manager = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Hand a request to the protocol's package. Raises EngineUnavailable while the server stops."""
        if self._manager is None or self._stop.is_set():
            raise EngineUnavailable("the server is being stopped")
        patience = state_of(request).settings.idle_timeout
        return await serve_asgi(request, self._manager.handle_request, _user(request[CALLER]), patience)

    def _tell(self, told: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Tell the clients of a change, without whoever made it waiting for them."""
        if self._stop.is_set() or len(self._telling) >= _MOST_TELLING:
            return
        task = asyncio.create_task(told(), name="mcp changes")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _run(self, manager: "StreamableHTTPSessionManager", ready: asyncio.Event) -> None:
        # Entered and left by one task, as its task group wants it.
        async with manager.run():
            ready.set()
            await self._stop.wait()


ENDPOINT: web.AppKey[Endpoint] = web.AppKey("mcp endpoint", Endpoint)


async def endpoint(app: web.Application) -> AsyncIterator[None]:
    """Lives while the application does, where the settings ask for it."""
    if not app[STATE].settings.mcp:
        yield
        return
    app[ENDPOINT] = Endpoint()
    await app[ENDPOINT].start(app)
    yield
    await app[ENDPOINT].stop()


async def clients(app: web.Application) -> AsyncIterator[None]:
    """Connections to other MCP servers, while the application lives and where the settings name some."""
    state = app[STATE]
    if not state.settings.mcp_servers:
        yield
        return
    _require_package("mcp_servers has some")
    from picoqwen_core.agents.mcp_client import McpClients  # noqa: PLC0415

    servers = with_supervisor_token(state.settings.mcp_servers, supervisor_token())
    state.mcp_clients = McpClients(servers, state.registry)
    state.mcp_clients.start()
    yield
    await state.mcp_clients.stop()


async def stop_endpoint(app: web.Application) -> None:
    """Before open connections are waited for: a client's stream would hold the server up."""
    if ENDPOINT in app:
        await app[ENDPOINT].stop()


async def mcp(request: web.Request) -> web.StreamResponse:
    """Any request of the protocol. Raises RequestError where it is off, ForbiddenError for a foreign page."""
    if ENDPOINT not in request.app:
        raise RequestError(
            "the MCP endpoint is off; set `mcp` to true in the settings and restart the server"
        )
    _check_origin(request)
    return await request.app[ENDPOINT].answer(request)


def _check_origin(request: web.Request) -> None:
    """Let no page of the web talk to a server in the home: a rebound name has the page's own Origin and Host.

    Raises ForbiddenError.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return
    allowed = state_of(request).settings.allowed_origins
    if "*" in allowed or origin in allowed or _host(origin) in _LOOPBACK:
        return
    raise ForbiddenError(
        f"pages of {origin[:100]!r} may not use this server; see allowed_origins in the settings"
    )


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).hostname
    except ValueError:
        return None


def _make_manager(app: web.Application) -> "tuple[StreamableHTTPSessionManager, Changes]":
    _require_package("mcp is true")
    # 40 MB, so only here.
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager  # noqa: PLC0415

    from picoqwen_core.agents import generate  # noqa: PLC0415
    from picoqwen_core.agents.mcp_server import Offer  # noqa: PLC0415

    state = app[STATE]
    settings = state.settings
    own = generate.make(state.router, settings.first_token_timeout)
    if AGENTS in app:
        # Imported where agents are on.
        from picoqwen_core.agents.flow_offer import RunDocuments, flow_prompts  # noqa: PLC0415
        from picoqwen_core.agents.flow_tool import flow_tools  # noqa: PLC0415

        runner = app[AGENTS].runner
        offer = Offer(
            lambda: (own, *state.registry, *flow_tools(runner)),
            RunDocuments(runner.store),
            lambda: flow_prompts(runner),
        )
    else:
        offer = Offer(lambda: (own, *state.registry))
    manager = StreamableHTTPSessionManager(
        offer.server(),
        session_idle_timeout=_SESSION_IDLE_SECONDS,
        max_request_body_size=settings.max_body_bytes,
        max_sessions=_MOST_SESSIONS,
    )
    return manager, offer.changes


def _require_package(why: str) -> None:
    if importlib.util.find_spec("mcp") is None:
        raise ConfigError(f"{why}, but the package `mcp` is not installed; install picoqwen[mcp]")


def _user(caller: str) -> Any:
    """The caller as the package knows one: a session answers only to the key that began it."""
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser  # noqa: PLC0415
    from mcp.server.auth.provider import AccessToken  # noqa: PLC0415

    return AuthenticatedUser(AccessToken(token="", client_id=caller, scopes=[]))
