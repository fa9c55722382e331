"""Home Assistant's own two ends of MCP, unmodified: its client on our server, and ours on its server."""

import pytest

from house_runner.house import House
from picoqwen_core.agents.calling import call_tool
from picoqwen_core.agents.mcp_client import McpClients
from picoqwen_core.agents.policy import Trust, decide
from picoqwen_core.agents.registry import Registry
from picoqwen_core.mcp_servers import McpServer
from picoqwen_core.server.access import mcp_token
from tests.e2e.test_other_integrations import FLOWS, flow, rest
from tests.mcp.conftest import Echo, serving, until

pytestmark = pytest.mark.asyncio(loop_scope="session")
KEY = "a key that Home Assistant cannot send"


async def expose(house: House, entity_id: str, *, exposed: bool) -> None:
    """Let Assist see an entity, or not."""
    await house.client.call(
        "homeassistant/expose_entity",
        assistants=["conversation"],
        entity_ids=[entity_id],
        should_expose=exposed,
    )


async def test_home_assistants_client_takes_our_tools_from_the_address_that_holds_the_key(
    house: House,
) -> None:
    async with serving(Echo("echo", "Say it again"), api_key=KEY) as url, rest(house) as session:
        entry = await flow(session, FLOWS, "mcp", {"url": f"{url}/mcp/{mcp_token(KEY)}"})
        try:
            apis = (await house.client.call("llm/api/list"))["apis"]
            (found,) = (each for each in apis if "picoqwen" in each["name"].casefold().replace("-", ""))
            async with session.get("/api/config/config_entries/entry?domain=mcp") as response:
                (state,) = await response.json()
        finally:
            await session.delete(f"/api/config/config_entries/entry/{entry['result']['entry_id']}")
        assert state["state"] == "loaded"
        assert found["id"] == f"mcp-{entry['result']['entry_id']}"


async def test_our_client_reads_and_switches_what_is_exposed_and_nothing_else(house: House) -> None:
    async with rest(house) as session:
        entry = await flow(session, FLOWS, "mcp_server", {})
        url, token = house.home_assistant.url, house.home_assistant.token
        registry = Registry()
        server = McpServer("house", url=f"{url}/api/mcp/assist", api_key=token, trusted=True)
        clients = McpClients((server,), registry)
        clients.start()
        try:
            await until(lambda: clients.connections[0].state == "ready")
            turn_on = registry.get("house__intent__hassturnon")
            context = registry.get("house__homeassistant__getlivecontext")

            live = await call_tool(context, {})
            switched = await call_tool(turn_on, {"name": "Kitchen lamp"})
            states = await house.client.states()
            await expose(house, "light.kitchen_lamp", exposed=False)
            hidden = await call_tool(turn_on, {"name": "Kitchen lamp"})
            unseen = await call_tool(context, {})
            read_first = Trust()
            read_first.read(context.name, context.annotations, live)
        finally:
            await clients.stop()
            await expose(house, "light.kitchen_lamp", exposed=True)
            await session.delete(f"/api/config/config_entries/entry/{entry['result']['entry_id']}")
    assert "kitchen lamp" in live.text.casefold()
    assert live.untrusted
    assert not switched.error, switched.text
    assert states["light.kitchen_lamp"]["state"] == "on"
    assert hidden.error, hidden.text
    assert "kitchen lamp" not in unseen.text.casefold()
    assert context.annotations.read_only
    # Home Assistant does not say that turning on can be undone, so the user is asked.
    decision = decide(turn_on.name, turn_on.annotations, {"name": "Kitchen lamp"}, read_first, can_ask=True)
    assert decision.verdict == "confirm"
