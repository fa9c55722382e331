"""Other MCP servers, good ones and others: their tools come and go, and nobody waits for them."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from picoqwen_core.agents.calling import call_tool
from picoqwen_core.agents.mcp_client import Connection, Pace
from picoqwen_core.agents.mcp_wire import streams
from picoqwen_core.agents.registry import Registry
from picoqwen_core.agents.tool import Annotations, Described, ToolContext, ToolResult
from picoqwen_core.mcp_servers import McpServer
from tests.mcp.conftest import FAST, Echo, Waiting, piped, serving, until

KEY = "what the other server was given"


async def ready(connect, server: McpServer, pace: Pace = FAST) -> tuple[Registry, Connection]:
    registry, clients = await connect(server, pace=pace)
    await until(lambda: clients.connections[0].state == "ready")
    return registry, clients.connections[0]


async def test_a_process_is_asked_over_its_pipes(connect) -> None:
    registry, _ = await ready(connect, piped())

    result = await call_tool(registry.get("pipes__echo"), {"text": "hi"})

    assert (result.text, result.untrusted, result.error) == ("hi", True, False)


@pytest.mark.parametrize("key", [None, "secret"])
async def test_a_server_is_asked_over_http(serve, connect, key) -> None:
    url = await serve(Echo("echo", "Say it again"), api_key=key)
    registry, connection = await ready(connect, McpServer("far", url=f"{url}/mcp", api_key=key))

    result = await call_tool(registry.get("far__echo"), {"text": "hi"})

    assert result.text.startswith("hi for ")
    assert connection.revision == "2026-07-28"


async def test_only_the_tools_that_are_named_are_taken(serve, connect) -> None:
    url = await serve(Echo("echo", ""), Echo("other", ""))
    registry, _ = await ready(connect, McpServer("far", url=f"{url}/mcp", tools=("echo",)))

    assert [tool.name for tool in registry] == ["far__echo"]


@pytest.mark.parametrize("trusted", [False, True])
async def test_what_a_server_says_of_its_tools_is_believed_of_trusted_ones_only(connect, trusted) -> None:
    registry, _ = await ready(connect, piped(trusted=trusted))

    known = Annotations(read_only=True, destructive=False, open_world=False)
    assert registry.get("pipes__echo").annotations == (known if trusted else Annotations())


async def test_a_dead_server_keeps_nobody_waiting(connect) -> None:
    dead = McpServer("dead", url="http://127.0.0.1:9/mcp")
    missing = McpServer("missing", command="/nonexistent/mcp-server")
    registry, clients = await connect(dead, missing, piped())

    await until(lambda: "pipes__echo" in registry)
    await until(lambda: all(each.error for each in clients.connections[:2]))
    assert {each["state"] for each in clients.status()} <= {"ready", "waiting", "connecting"}
    assert "No such file" in clients.connections[1].error


async def test_tools_leave_with_their_server_and_come_back_with_it(connect) -> None:
    registry, connection = await ready(connect, piped("crash"))
    tool = registry.get("pipes__echo")

    result = await call_tool(tool, {"text": "hi"})

    assert result.error
    await until(lambda: connection.state != "ready")
    await until(lambda: connection.state == "ready")
    assert "pipes__echo" in registry


async def test_a_server_that_stalls_costs_its_time_and_no_more(connect) -> None:
    registry, _ = await ready(connect, piped("stall", timeout=1.0))

    result = await call_tool(registry.get("pipes__echo"), {"text": "hi"})

    assert result.error
    assert "1 s" in result.text


async def test_a_line_without_an_end_is_given_up(connect) -> None:
    registry, connection = await ready(connect, piped("flood"))

    result = await call_tool(registry.get("pipes__echo"), {"text": "hi"})

    assert result.error
    await until(lambda: connection.state != "ready" or connection.error)


async def test_rubbish_between_messages_is_skipped(connect) -> None:
    registry, _ = await ready(connect, piped("rubbish"))

    assert (await call_tool(registry.get("pipes__echo"), {"text": "hi"})).text == "hi"


async def test_nothing_but_rubbish_is_an_error(connect) -> None:
    _, clients = await connect(piped("only rubbish"))

    await until(lambda: clients.connections[0].error)
    assert not clients.connections[0].tools


async def test_changes_are_followed_while_it_runs(connect) -> None:
    registry, _ = await ready(connect, piped("change"))

    await call_tool(registry.get("pipes__echo"), {})

    await until(lambda: "pipes__other" in registry)
    assert "pipes__echo" not in registry


async def test_changes_that_nobody_tells_of_are_seen_in_time(serve, connect) -> None:
    url = await serve()
    registry, connection = await ready(connect, McpServer("far", url=f"{url}/mcp"), Pace(0.1, (0.1, 0.2)))
    assert connection.tools == 1

    await until(lambda: "far__generate" in registry)


async def test_a_server_that_goes_away_and_returns_is_found_again(connect, unused_tcp_port) -> None:
    server = McpServer("far", url=f"http://127.0.0.1:{unused_tcp_port}/mcp")
    registry, clients = await connect(server, pace=Pace(0.1, (0.05, 0.1)))
    await until(lambda: clients.connections[0].error)
    for _ in range(2):
        async with serving(Echo("echo", ""), port=unused_tcp_port):
            await until(lambda: "far__echo" in registry)
        await until(lambda: "far__echo" not in registry)


async def test_stopping_ends_the_process_and_a_call_that_waits(connect) -> None:
    registry, clients = await connect(piped("stall"))
    await until(lambda: "pipes__echo" in registry)
    call = asyncio.create_task(call_tool(registry.get("pipes__echo"), {}))
    await asyncio.sleep(0)

    await clients.stop()

    assert (await call).error
    assert len(registry) == 0


async def test_a_process_that_does_not_answer_is_ended_with_its_children() -> None:
    import psutil

    before = set(psutil.Process().children(recursive=True))
    async with streams(piped("mute")):
        assert set(psutil.Process().children(recursive=True)) - before
    await until(lambda: not set(psutil.Process().children(recursive=True)) - before)


async def test_an_endless_answer_is_broken_off(connect, unused_tcp_port) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" " * 65536)

    app = web.Application()
    app.router.add_route("*", "/mcp", endless)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    try:
        _, clients = await connect(McpServer("far", url=f"http://127.0.0.1:{unused_tcp_port}/mcp"))
        await until(lambda: clients.connections[0].error)
    finally:
        await clients.stop()
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class Tell(Described):
    """Says what it was given to keep."""

    async def execute(self, arguments: Any, context: ToolContext) -> ToolResult:
        return ToolResult(f"you are {KEY}", data={"key": KEY})


async def test_a_key_that_a_server_quotes_is_told_to_nobody(serve, connect, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    url = await serve(Tell("tell", "Tells"), api_key=KEY)
    registry, _ = await ready(connect, McpServer("far", url=f"{url}/mcp", api_key=KEY))

    told = await call_tool(registry.get("far__tell"), {})

    assert told.text == "you are (key)"
    assert told.data == {"key": "(key)"}
    assert KEY not in caplog.text


async def test_a_key_that_a_server_refuses_is_in_no_report(connect, caplog) -> None:
    caplog.set_level(logging.DEBUG)

    async def refuse(request: web.Request) -> web.Response:
        message = f"wrong key: {request.headers['Authorization']}"
        number = (await request.json()).get("id")
        error = {"jsonrpc": "2.0", "id": number, "error": {"code": -32001, "message": message}}
        return web.json_response(error, status=200)

    app = web.Application()
    app.router.add_post("/mcp", refuse)
    async with TestServer(app) as server:
        _, clients = await connect(McpServer("far", url=str(server.make_url("/mcp")), api_key=KEY))
        await until(lambda: clients.connections[0].error)
        status = str(clients.status())
        await clients.stop()
    assert "wrong key: Bearer (key)" in status
    assert KEY not in status + caplog.text


async def test_a_cancelled_call_leaves_the_connection_as_it_was(serve, connect) -> None:
    waiting = Waiting("wait", "")
    url = await serve(waiting)
    registry, connection = await ready(connect, McpServer("far", url=f"{url}/mcp"))
    call = asyncio.create_task(call_tool(registry.get("far__wait"), {}))
    await waiting.begun.wait()

    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    waiting.let.set()

    assert (await call_tool(registry.get("far__wait"), {})).text.startswith("for ")
    assert connection.state == "ready"
