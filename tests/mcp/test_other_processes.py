"""Servers of others as processes: killed, started again, changed, silent; chats go on meanwhile."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from picoqwen_core.agents.calling import call_tool
from picoqwen_core.agents.mcp_client import Pace
from picoqwen_core.config import Settings
from picoqwen_core.mcp_servers import McpServer
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import STATE, State
from tests.agents.scripted import ScriptedModel, ScriptedProvider, call
from tests.mcp.conftest import until

OTHER = Path(__file__).with_name("other_server.py")
# Looks are so seldom that only word of a change can bring it.
SELDOM = Pace(look=300.0, backoff=(0.05, 0.2))


@asynccontextmanager
async def process(port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """The other server, listening or about to."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, str(OTHER), str(port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


def http_server(port: int) -> McpServer:
    return McpServer("far", url=f"http://127.0.0.1:{port}/mcp", timeout=20.0)


async def test_a_server_that_is_killed_and_started_again_is_found_again(
    connect: Callable, unused_tcp_port: int
) -> None:
    registry, clients = await connect(http_server(unused_tcp_port), pace=SELDOM)
    connection = clients.connections[0]
    async with process(unused_tcp_port) as running:
        await until(lambda: "far__first" in registry)
        assert (await call_tool(registry.get("far__first"), {"text": "hi"})).text == "hi"
        running.send_signal(signal.SIGKILL)
        await running.wait()
        tool = registry.get("far__first")
        result = await call_tool(tool, {"text": "hi"})
        assert result.error
        await until(lambda: "far__first" not in registry)
        assert connection.error
    async with process(unused_tcp_port):
        await until(lambda: "far__first" in registry)
        assert (await call_tool(registry.get("far__first"), {"text": "ho"})).text == "ho"
        assert (connection.state, connection.error) == ("ready", "")


@pytest.mark.parametrize("kind", ["http", "stdio"])
async def test_a_changed_schema_is_followed_when_the_server_tells_of_it(
    connect: Callable, unused_tcp_port: int, kind: str
) -> None:
    pipes = McpServer("far", command=sys.executable, args=(str(OTHER), "0"))
    server = http_server(unused_tcp_port) if kind == "http" else pipes
    async with process(unused_tcp_port) if kind == "http" else nullcontext():
        registry, _ = await connect(server, pace=SELDOM)
        await until(lambda: "far__change" in registry)
        await call_tool(registry.get("far__change"), {})
        await until(lambda: "far__second" in registry)
        assert "far__first" not in registry
        wrong = await call_tool(registry.get("far__second"), {"text": "a"})
        assert "'times' is a required property" in wrong.text
        assert (await call_tool(registry.get("far__second"), {"text": "a", "times": 3})).text == "aaa"


@pytest.fixture
async def silent() -> AsyncIterator[int]:
    """A port where somebody listens and never says anything."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


async def test_chats_are_answered_while_servers_are_dead_silent_or_never_start(
    silent: int, tmp_path: Path
) -> None:
    servers = (
        McpServer("dead", url="http://127.0.0.1:9/mcp"),
        McpServer("silent", url=f"http://127.0.0.1:{silent}/mcp"),
        McpServer("missing", command="/nonexistent/mcp-server"),
        McpServer("mute", command=sys.executable, args=("-c", "import time; time.sleep(600)")),
    )
    settings = Settings(
        agents=True, agents_dir=tmp_path, agent_tools=("calculator",), mcp_servers=servers, port=0
    )
    model = ScriptedModel(call("calculator", expression="6*7"), "It is 42.")
    app = make_app(State(settings, Router([ScriptedProvider(model)])))
    body = {"messages": [{"role": "user", "content": "6*7?"}], "server_tools": True}
    async with listening(app, settings) as url, aiohttp.ClientSession() as session:
        async with session.post(f"{url}/api/v1/chat", json=body) as response:
            answer: dict[str, Any] = await response.json()
        states = {each.server.name: each.state for each in app[STATE].mcp_clients.connections}
        async with session.get(f"{url}/api/v1/status") as response:
            told = {each["name"]: each["state"] for each in (await response.json())["mcp_servers"]}
    assert answer["choices"][0]["message"]["content"] == "It is 42."
    # None of them has come to anything, and the answer is there.
    assert "ready" not in states.values()
    assert set(told) == {"dead", "silent", "missing", "mute"}
