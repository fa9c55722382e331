"""What /mcp offers beside tools: progress, runs as resources, prompts, completion, and word of changes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from picoqwen_core.config import Settings
from picoqwen_core.messages import ChatDelta
from picoqwen_core.router import Router
from picoqwen_core.server.access import mcp_token
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import STATE, State
from tests.agents.scripted import ScriptedModel, ScriptedProvider
from tests.mcp.conftest import END

THOUGHTS = ({"thought": "It is November.", "more_needed": False}, "It holds.", "No.")
NOTED = "name: noted\nstart: a\nnodes: {a: {tool: calculator, arguments: {expression: '{input}'}}}\n"
MODES = pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Callable]:
    """Start a server with agents and /mcp over a script; its address and its application."""
    async with AsyncExitStack() as stack:

        async def start(*answers: Any, **more: Any) -> tuple[str, Any]:
            options = {"agents": True, "agents_dir": tmp_path, "agent_tools": ("calculator",)}
            settings = Settings(mcp=True, port=0, **{**options, **more})
            app = make_app(State(settings, Router([ScriptedProvider(ScriptedModel(*answers))])))
            return await stack.enter_async_context(listening(app, settings)) + "/mcp", app

        yield start


class Heard:
    """Notifications of a client that a handler is given."""

    def __init__(self) -> None:
        self.methods: list[str] = []
        self.progress: list[tuple[float, float | None, str | None]] = []

    async def message(self, message: Any) -> None:
        self.methods.append(getattr(message, "method", type(message).__name__))

    async def report(self, done: float, whole: float | None, what: str | None) -> None:
        self.progress.append((done, whole, what))

    async def until(self, method: str) -> None:
        async with asyncio.timeout(60):
            while method not in self.methods:
                await asyncio.sleep(0.01)


@MODES
async def test_a_flow_tells_each_step_as_progress(serve: Callable, mode: str) -> None:
    url, _ = await serve(*THOUGHTS)
    heard = Heard()
    async with Client(url, mode=mode) as client:
        await client.call_tool("flow_think", {"input": "Is it warm?"}, progress_callback=heard.report)
    assert heard.progress == [(1, None, "thought"), (2, None, "reflection"), (3, None, "think")]


@MODES
async def test_generate_tells_how_much_is_written(serve: Callable, mode: str) -> None:
    url, app = await serve("")

    async def many(request: Any) -> Any:
        for number in range(20):
            yield ChatDelta(content=f"{number} ")
        yield END

    app[STATE].router.default.chat = many
    heard = Heard()
    async with Client(url, mode=mode) as client:
        said = await client.call_tool(
            "generate", {"prompt": "count", "max_tokens": 40}, progress_callback=heard.report
        )
    assert said.content[0].text.startswith("0 1 2 ")
    assert heard.progress == [(1, 40, None), (9, 40, None), (17, 40, None)]


@MODES
async def test_runs_are_resources_of_who_has_run_them(serve: Callable, mode: str) -> None:
    url, _ = await serve(*THOUGHTS)
    async with Client(url, mode=mode) as client:
        assert (await client.list_resources()).resources == []
        run = (await client.call_tool("flow_think", {"input": "Is it warm?"})).structured_content
        (listed,) = (await client.list_resources()).resources
        (template,) = (await client.list_resource_templates()).resource_templates
        (content,) = (await client.read_resource(listed.uri)).contents
        with pytest.raises(MCPError, match="there is no run 'none'"):
            await client.read_resource("picoqwen://runs/none")
        with pytest.raises(MCPError, match="a run is picoqwen://runs/"):
            await client.read_resource("file:///etc/passwd")
    assert listed.uri == f"picoqwen://runs/{run['id']}" == template.uri_template.replace("{id}", run["id"])
    assert (listed.name, listed.mime_type) == ("think: Is it warm?", "text/markdown")
    assert content.text == "# think: Is it warm?\n\nNo."


async def test_a_run_is_not_shown_to_another_key(serve: Callable, http: Any) -> None:
    other = sha256(b"other").hexdigest()
    url, _ = await serve(*THOUGHTS, api_key="mine", api_keys=(f"ann:{other}",))
    body = {"input": "Is it warm?"}
    async with http.post(
        url.replace("/mcp", "/api/v1/flows/think/runs"), json=body, headers={"Authorization": "Bearer mine"}
    ) as response:
        run = await response.json()
    async with Client(f"{url}/{mcp_token('mine')}") as client:
        assert len((await client.list_resources()).resources) == 1
    headers = {"Authorization": "Bearer other", "Accept": "application/json, text/event-stream"}
    ask = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "resources/read",
        "params": {"uri": f"picoqwen://runs/{run['id']}"},
    }
    version = "2025-11-25"
    hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    first = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
    async with http.post(url, json=first, headers=headers) as response:
        headers |= {"Mcp-Session-Id": response.headers["Mcp-Session-Id"], "Mcp-Protocol-Version": version}
    async with http.post(url, json=ask, headers=headers) as response:
        assert "there is no run" in await response.text()


@MODES
async def test_each_flow_is_a_prompt_that_names_its_tool(serve: Callable, mode: str) -> None:
    url, _ = await serve("")
    async with Client(url, mode=mode) as client:
        prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        got = await client.get_prompt("think", {"input": "Is it warm?"})
        with pytest.raises(MCPError, match="prompt think: input is missing"):
            await client.get_prompt("think", {})
        with pytest.raises(MCPError, match="there is no prompt 'dance'; there is: think, ruminate"):
            await client.get_prompt("dance", {"input": "x"})
    assert set(prompts) == {"think", "ruminate"}
    assert [each.name for each in prompts["think"].arguments] == ["input"]
    assert "flow_think" in got.messages[0].content.text
    assert got.messages[0].content.text.endswith("Input: Is it warm?")


async def test_ids_of_runs_are_completed(serve: Callable) -> None:
    url, _ = await serve(*THOUGHTS)
    async with Client(url) as client:
        run = (await client.call_tool("flow_think", {"input": "?"})).structured_content
        runs = ResourceTemplateReference(uri="picoqwen://runs/{id}")
        found = await client.complete(runs, {"name": "id", "value": run["id"][:4]})
        none = await client.complete(runs, {"name": "id", "value": "?"})
        words = await client.complete(PromptReference(name="think"), {"name": "input", "value": "a"})
    assert found.completion.values == [run["id"]]
    assert none.completion.values == words.completion.values == []


async def test_clients_with_a_session_hear_of_runs_and_flows(serve: Callable, tmp_path: Path) -> None:
    url, app = await serve(*THOUGHTS)
    heard = Heard()
    async with Client(url, mode="legacy", message_handler=heard.message) as client:
        assert client.server_capabilities.tools.list_changed
        assert client.server_capabilities.resources.list_changed
        await client.list_tools()
        await client.call_tool("flow_think", {"input": "?"})
        await heard.until("notifications/resources/list_changed")
        change_flows(app, tmp_path)
        await heard.until("notifications/tools/list_changed")
        await heard.until("notifications/prompts/list_changed")
        assert "flow_noted" in {tool.name for tool in (await client.list_tools()).tools}


async def test_clients_without_a_session_listen(serve: Callable, tmp_path: Path) -> None:
    url, app = await serve(*THOUGHTS)
    async with Client(url, mode="2026-07-28") as client, client.listen(tools_list_changed=True) as changes:
        change_flows(app, tmp_path)
        async with asyncio.timeout(60):
            assert type(await anext(aiter(changes))).__name__ == "ToolsListChanged"


async def test_without_agents_there_are_tools_only(serve: Callable) -> None:
    url, _ = await serve("", agents=False)
    async with Client(url) as client:
        assert client.server_capabilities.resources is None
        assert client.server_capabilities.prompts is None
        assert [tool.name for tool in (await client.list_tools()).tools] == ["generate"]


def change_flows(app: Any, folder: Path) -> None:
    """A user's flow is there, and the settings are read again."""
    (folder / "flows").mkdir()
    (folder / "flows" / "noted.yaml").write_text(NOTED)
    (read,) = app[STATE].rereads
    assert read()() == "flows"
    assert read()() == ""
