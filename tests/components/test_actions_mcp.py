"""The allowed actions as Home Assistant's own MCP server hands them to clients."""

import json
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

pytest.importorskip(
    "mcp", reason="the environment of the oldest Home Assistant does not have mcp_server's package"
)


async def test_an_mcp_client_sees_the_tools_and_cannot_unlock_a_door(
    hass: HomeAssistant,
    hass_client: Any,
    entry: ConfigEntry,
    house: list[ServiceCall],
    api_id: str,
) -> None:
    assert await async_setup_component(hass, "http", {})
    mcp = MockConfigEntry(domain="mcp_server", data={"llm_hass_api": [api_id]}, title="MCP")
    mcp.add_to_hass(hass)
    assert await hass.config_entries.async_setup(mcp.entry_id)
    client = await hass_client()

    async def ask(method: str, **params: Any) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = await client.post("/api/mcp", json=body, headers={"Accept": "application/json"})
        return (await answer.json())["result"]

    tools = {tool["name"]: tool for tool in (await ask("tools/list"))["tools"]}
    assert tools["lock__unlock"]["annotations"]["destructiveHint"] is True
    assert tools["lock__unlock"]["inputSchema"]["properties"]["target"]["items"]["enum"] == ["Front door"]
    called = await ask("tools/call", name="lock__unlock", arguments={"target": ["Front door"]})
    told = json.loads(called["content"][0]["text"])
    assert (told["done"], told["question"]) == (False, "Shall I unlock the Front door?")
    assert house == []
