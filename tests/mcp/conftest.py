import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from picoqwen_core.agents.mcp_client import McpClients, Pace
from picoqwen_core.agents.registry import Registry
from picoqwen_core.agents.tool import Described, ToolContext, ToolResult
from picoqwen_core.config import Settings
from picoqwen_core.mcp_servers import McpServer
from picoqwen_core.messages import ChatDelta, Usage
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.server.conftest import FakeProvider

STDIO = Path(__file__).with_name("stdio_server.py")
END = ChatDelta(finish_reason="stop", usage=Usage(prompt_tokens=7, completion_tokens=2))
FAST = Pace(look=30.0, backoff=(0.02, 0.05))


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Described):
    """Answers when it is let."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        self.begun.set()
        await self.let.wait()
        return ToolResult(f"for {context.owner}")


@dataclass(frozen=True, slots=True)
class Echo(Described):
    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        return ToolResult(str(arguments.get("text", "")) + f" for {context.owner}")


@asynccontextmanager
async def serving(
    *tools, answer: tuple = (ChatDelta(content="hello"), END), **settings
) -> AsyncIterator[str]:
    """A server with these tools and /mcp on a free port; its URL."""
    settings = {"mcp": True, "port": 0, **settings}
    state = State(Settings(**settings), Router([FakeProvider(*answer)]))
    for tool in tools:
        state.registry.add(tool)
    async with listening(make_app(state), state.settings) as url:
        yield url


@pytest.fixture
async def serve() -> AsyncIterator[Callable]:
    async with AsyncExitStack() as stack:

        async def start(*tools, **settings) -> str:
            return await stack.enter_async_context(serving(*tools, **settings))

        yield start


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


@pytest.fixture
async def connect() -> AsyncIterator[Callable]:
    """Connect to servers; the registry and the connections."""
    started: list[McpClients] = []

    async def start(*servers: McpServer, pace: Pace = FAST) -> tuple[Registry, McpClients]:
        registry = Registry()
        clients = McpClients(servers, registry, pace)
        started.append(clients)
        clients.start()
        return registry, clients

    yield start
    for clients in started:
        await clients.stop()


def piped(mode: str = "good", **more) -> McpServer:
    return McpServer("pipes", command=sys.executable, args=(str(STDIO), mode), **more)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(40):
        while not condition():
            await asyncio.sleep(0.01)
