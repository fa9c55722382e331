"""The protocol of tools: the registry, and what one call may take and give."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from picoqwen_core.agents.calling import call_tool
from picoqwen_core.agents.registry import Registry
from picoqwen_core.agents.tool import Annotations, Described, ToolContext, ToolLimits, ToolResult
from picoqwen_core.errors import ConfigError, RequestError, ToolError

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


@dataclass(frozen=True, slots=True)
class Echo(Described):
    error: Exception | None = None
    wait: float = 0

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        await asyncio.sleep(self.wait)
        if self.error is not None:
            raise self.error
        return ToolResult(arguments["text"])


def echo(name: str = "echo", **more: Any) -> Echo:
    return Echo(name, "Says it again.", SCHEMA, **more)


async def test_a_call_gives_the_tools_result() -> None:
    result = await call_tool(echo(), {"text": "hello"})
    assert (result.text, result.error, result.untrusted) == ("hello", False, True)


async def test_arguments_that_do_not_fit_are_not_passed_on() -> None:
    result = await call_tool(echo(), {"text": 5})
    assert result.error
    assert "text: 5 is not of type 'string'" in result.text


async def test_a_call_is_stopped_when_its_time_is_over() -> None:
    result = await call_tool(echo(wait=60), {"text": ""}, limits=ToolLimits(seconds=0.05))
    assert result.error
    assert "longer than 0.05 seconds" in result.text


async def test_cancelling_a_call_stops_the_tool() -> None:
    task = asyncio.create_task(call_tool(echo(wait=60), {"text": ""}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_long_result_is_cut_and_says_so() -> None:
    result = await call_tool(echo(), {"text": "x" * 500}, limits=ToolLimits(characters=100))
    assert result.truncated
    assert result.text == "x" * 100 + "\n[cut off here: 400 more characters]"


@pytest.mark.parametrize("error", [ToolError("no such place", untrusted=True), RequestError("no such place")])
async def test_a_failure_is_told_to_the_model(error: Exception) -> None:
    result = await call_tool(echo(error=error), {"text": ""})
    assert (result.text, result.error) == ("no such place", True)
    assert result.untrusted == isinstance(error, ToolError)


async def test_a_defect_is_not_told_to_the_model() -> None:
    result = await call_tool(echo(error=KeyError("secret")), {"text": ""})
    assert result.error
    assert "secret" not in result.text


def test_what_nobody_has_said_of_a_tool_is_taken_to_be_the_worst() -> None:
    assert Annotations() == Annotations(read_only=False, destructive=True, open_world=True)


def test_a_registry_names_the_tools_there_are() -> None:
    registry = Registry([echo(), echo("other")])
    assert [spec.name for spec in registry.specs()] == ["echo", "other"]
    with pytest.raises(RequestError, match="no tool 'none'; there is: echo, other"):
        registry.get("none")


@pytest.mark.parametrize("name", ["", "Echo", "a b", "a/b", "echo"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    registry = Registry([echo()])
    with pytest.raises(ConfigError):
        registry.add(echo(name))


def test_a_servers_tools_are_replaced_and_others_left_alone() -> None:
    registry = Registry([echo(), echo("home__old")])
    registry.replace("home", [echo("home__new")])
    assert [tool.name for tool in registry] == ["echo", "home__new"]
    with pytest.raises(ConfigError, match="home__"):
        registry.replace("home", [echo("elsewhere")])
    assert "home__new" in registry
