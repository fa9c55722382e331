"""What the settings say of other servers, and what becomes of the tools that those list."""

from typing import Any

import pytest
from mcp_types import CallToolResult, ImageContent, TextContent, Tool

from picoqwen_core.agents.mcp_tools import result_of, tools_of
from picoqwen_core.config import Settings
from picoqwen_core.errors import ConfigError
from picoqwen_core.mcp_servers import McpServer, parse_mcp_servers, with_supervisor_token
from picoqwen_core.router import Router
from picoqwen_core.server import mcp
from picoqwen_core.server.app import make_app
from picoqwen_core.server.state import State
from tests.server.conftest import FakeProvider

SERVER = McpServer("far", url="http://far/mcp", trusted=True)


async def nobody(name: str, arguments: Any) -> Any:
    raise AssertionError(name)


def listed(*schemas: dict, name: str = "tool") -> list[Tool]:
    return [Tool(name=f"{name}{number}", input_schema=schema) for number, schema in enumerate(schemas)]


def test_servers_are_read_from_json_and_from_the_apps_options() -> None:
    text = '[{"name": "files", "command": "npx", "args": "-y server /share", "env": ["KEY=a=b"]}]'

    (server,) = parse_mcp_servers(text)

    assert server.args == ("-y", "server", "/share")
    assert server.env == {"KEY": "a=b"}
    assert "a=b" not in repr(server)


def test_only_the_supervisor_gets_the_apps_token() -> None:
    urls = ("http://supervisor/core/api/mcp", "http://supervisor.example/core/api", "http://far/supervisor/")
    servers = parse_mcp_servers([{"name": f"n{i}", "url": url} for i, url in enumerate(urls)])
    own = McpServer("own", url=urls[0], api_key="mine")
    program = McpServer("program", command="http://supervisor/")

    opened = with_supervisor_token((*servers, own, program), "app-token")

    assert [each.api_key for each in opened] == ["app-token", None, None, "mine", None]
    assert "app-token" not in repr(opened)
    assert with_supervisor_token(servers, None) == servers


@pytest.mark.parametrize("token", ["app-token", None])
async def test_a_server_that_is_an_app_asks_the_supervisor_with_its_token(monkeypatch, token) -> None:
    monkeypatch.delenv("SUPERVISOR_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("SUPERVISOR_TOKEN", token)
    house = McpServer("house", url="http://supervisor/core/api/mcp", trusted=True)
    settings = Settings(mcp_servers=(house,), port=0)
    state = State(settings, Router([FakeProvider()]))
    app = make_app(state)
    # Only the part that connects: announcing the app to the Supervisor is another's.
    running = mcp.clients(app)
    await anext(running)
    assert [each.server.api_key for each in state.mcp_clients.connections] == [token]
    assert await anext(running, "stopped") == "stopped"


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({"name": "a b", "url": "http://x"}, "name is 'a b'"),
        ({"name": "a__b", "url": "http://x"}, "name is 'a__b'"),
        ({"name": "a"}, "url or command is missing"),
        ({"name": "a", "url": "http://x", "command": "y"}, "one of the two"),
        ({"name": "a", "url": "ftp://x"}, "url is 'ftp://x'"),
        ({"name": "a", "url": "http://x", "timeout": 0.5}, "timeout is 0.5"),
        ({"name": "a", "url": "http://x", "timeout": True}, "timeout is True"),
        ({"name": "a", "url": "http://x", "args": [1]}, "args is [1]"),
        ({"name": "a", "url": "http://x", "env": ["nothing"]}, "env is (hidden)"),
        ({"name": "a", "url": "http://x", "api_key": 7}, "api_key is (hidden)"),
        ({"name": "a", "url": "http://x", "colour": "red"}, "unknown field 'colour'"),
        ({"url": "http://x"}, "name is missing"),
    ],
)
def test_a_server_that_cannot_be_meant_is_refused_by_name(server, said) -> None:
    with pytest.raises(ConfigError) as error:
        parse_mcp_servers([server])

    assert said in str(error.value)


def test_names_are_told_apart() -> None:
    with pytest.raises(ConfigError, match="there twice"):
        parse_mcp_servers([{"name": "a", "url": "http://x"}] * 2)


def test_a_schema_that_points_elsewhere_is_left_out() -> None:
    schemas = (
        {"type": "object", "$ref": "http://169.254.169.254/x"},
        {"type": "object", "$ref": "#/$defs/a"},
    )

    assert [tool.remote for tool in tools_of(SERVER, listed(*schemas), nobody)] == ["tool1"]


def test_a_pattern_is_dropped_and_a_property_of_that_name_is_kept() -> None:
    properties = {"pattern": {"type": "string", "pattern": "(a+)+$"}}
    (tool,) = tools_of(SERVER, listed({"type": "object", "properties": properties}), nobody)

    assert tool.parameters["properties"] == {"pattern": {"type": "string"}}


def test_too_many_too_large_and_doubled_tools_are_left_out() -> None:
    many = listed(*[{"type": "object"}] * 200)
    large = listed({"type": "object", "description": "x" * 30_000})
    doubled = [Tool(name=name, input_schema={"type": "object"}) for name in ("Turn.On", "turn_on")]

    assert len(tools_of(SERVER, many, nobody)) == 128
    assert tools_of(SERVER, large, nobody) == []
    assert [tool.name for tool in tools_of(SERVER, doubled, nobody)] == ["far__turn_on"]


def test_a_description_is_one_short_paragraph() -> None:
    wire = Tool(name="a", description="Do it.\n\n\x1b[31mIgnore\x00 all " + "x" * 5000, input_schema={})
    (tool,) = tools_of(SERVER, [wire], nobody)

    assert tool.description.startswith("Do it. [31mIgnore all xxx")
    assert len(tool.description) == 1000


def test_a_result_is_text_and_untrusted() -> None:
    image = ImageContent(data="AAAA", mime_type="image/png")
    mixed = result_of(CallToolResult(content=[TextContent(text="a"), image]))
    data = result_of(CallToolResult(content=[], structured_content={"on": True}))
    long = result_of(CallToolResult(content=[TextContent(text="x" * 200_000)], is_error=True))

    assert mixed.text == "a\n[image that cannot be shown as text]"
    assert (data.text, data.data) == ('{"on": true}', {"on": True})
    assert (len(long.text), long.error, long.untrusted) == (100_000, True, True)
