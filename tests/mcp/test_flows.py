"""Flows and the server's own tools at /mcp, as the protocol's own client sees them."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from mcp import Client

from benchmarks.agents import conformance
from picoqwen_core.config import Settings
from picoqwen_core.router import Router
from picoqwen_core.server.agents import AGENTS
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.agents.scripted import ScriptedModel, ScriptedProvider

THOUGHTS = ({"thought": "It is November.", "more_needed": False}, "It holds.", "No.")
OTHERS = "name: porch\nstart: a\nnodes: {a: {tool: house__turn_on}}\n"
NOTED = "name: noted\nstart: a\nnodes: {a: {tool: notes, arguments: {action: recall}}}\n"


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Callable]:
    """Start a server with agents and /mcp; its address and its agents."""
    async with AsyncExitStack() as stack:

        async def start(*answers, tools=("calculator", "notes")):
            (tmp_path / "flows").mkdir()
            (tmp_path / "flows" / "porch.yaml").write_text(OTHERS)
            (tmp_path / "flows" / "noted.yaml").write_text(NOTED)
            settings = Settings(agents=True, mcp=True, agents_dir=tmp_path, agent_tools=tools, port=0)
            app = make_app(State(settings, Router([ScriptedProvider(ScriptedModel(*answers))])))
            return await stack.enter_async_context(listening(app, settings)) + "/mcp", app[AGENTS]

        yield start


async def test_tools_and_flows_are_listed_with_what_they_do(serve) -> None:
    url, _ = await serve("", tools=("calculator", "notes", "web_search", "read_page"))
    async with Client(url) as client:
        hints = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
    flows = {"flow_research", "flow_search", "flow_think", "flow_ruminate", "flow_noted"}
    assert set(hints) == {"generate", "calculator", "notes", "web_search", "read_page", *flows}
    assert hints["flow_research"].open_world_hint is True
    assert hints["flow_think"].open_world_hint is False
    assert (hints["flow_think"].read_only_hint, hints["flow_noted"].read_only_hint) == (True, False)
    assert not any(hints[name].destructive_hint for name in flows)


async def test_flows_that_lack_tools_or_use_those_of_others_are_not_offered(serve) -> None:
    url, _ = await serve("")
    async with Client(url) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert names == {"generate", "calculator", "notes", "flow_think", "flow_ruminate", "flow_noted"}


async def test_a_flow_and_a_tool_are_called_and_the_run_is_remembered(serve) -> None:
    url, agents = await serve(*THOUGHTS)
    async with Client(url) as client:
        sum_ = await client.call_tool("calculator", {"expression": "6*7"})
        said = await client.call_tool("flow_think", {"input": "Is it warm?"})
        blank = await client.call_tool("flow_think", {"input": " "})
    assert sum_.content[0].text == "42"
    assert (said.is_error, said.content[0].text) == (False, "No.")
    assert said.structured_content["state"] == "done"
    assert blank.is_error
    assert agents.runner.store.newest("127.0.0.1", 5)[0]["id"] == said.structured_content["id"]


async def test_a_flow_that_fails_is_an_error_that_says_why(serve) -> None:
    url, _ = await serve("no JSON at all")
    async with Client(url) as client:
        said = await client.call_tool("flow_think", {"input": "Is it warm?"})
    assert said.is_error
    assert "no JSON" in said.content[0].text


def test_the_benchmark_tells_what_the_suite_found_or_that_it_was_not_run(tmp_path: Path, capsys) -> None:
    report = tmp_path / "report.json"
    nothing = {"mcp_conformance_passed": None, "mcp_conformance_failed": None}
    assert conformance(report) == nothing
    assert "not run here" in capsys.readouterr().out
    report.write_text("{}")
    assert conformance(report) == nothing
    assert "cannot be read" in capsys.readouterr().out
    report.write_text(json.dumps({"passed": 19, "failed": 2}))
    assert conformance(report) == {"mcp_conformance_passed": 19, "mcp_conformance_failed": 2}
